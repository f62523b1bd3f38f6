"""What runs inside Blender's Python: takes a model and views over a pipe, and gives back path-traced linear RGBA.

Run by `blender_process` as a script of another interpreter, where none of this package is installed: it imports NumPy
and bpy alone. A message is a length (8 bytes), a JSON header and the bytes of its arrays; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from typing import Any, BinaryIO

import numpy as np

Arrays = dict[str, np.ndarray[Any, Any]]
LONGEST = 2**26  # bytes of a header; thousands of parts take a few millions
WRAPS = {"repeat": "REPEAT", "clamp": "EXTEND", "mirror": "MIRROR"}


def send(stream: BinaryIO, header: dict[str, Any], arrays: Arrays) -> None:
    """Write one message: plain data and arrays (C order)."""
    listed = [(name, values.dtype.str, values.shape) for name, values in arrays.items()]
    text = json.dumps({**header, "arrays": listed}).encode()
    stream.write(len(text).to_bytes(8, "little") + text)
    for values in arrays.values():
        stream.write(np.ascontiguousarray(values).tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], Arrays]:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
        ValueError: what came is no message.
    """
    length = int.from_bytes(_exactly(stream, 8), "little")
    if length > LONGEST:
        raise ValueError("not a message")
    header = json.loads(_exactly(stream, length))
    arrays = {}
    for name, kind, shape in header.pop("arrays"):
        data = _exactly(stream, math.prod(shape) * np.dtype(kind).itemsize)
        arrays[name] = np.frombuffer(data, kind).reshape(shape)
    return header, arrays


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def load(bpy: Any, header: dict[str, Any], arrays: Arrays) -> None:
    """Start an empty scene and put the model's parts into it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for number, part in enumerate(header["parts"]):
        own = {name.partition(":")[2]: values for name, values in arrays.items() if name.startswith(f"{number}:")}
        mesh = bpy.data.meshes.new(f"part {number}")
        mesh.from_pydata(own["vertices"].tolist(), [], own["faces"].tolist())
        mesh.shade_smooth()
        if "uv" in own:
            corners = own["uv"][own["faces"].reshape(-1)]
            mesh.uv_layers.new(name="uv").data.foreach_set("uv", np.ascontiguousarray(corners, np.float32).reshape(-1))
        if "colours" in own:
            table = mesh.color_attributes.new("tint", "FLOAT_COLOR", "POINT")
            table.data.foreach_set("color", np.ascontiguousarray(own["colours"], np.float32).reshape(-1))
        mesh.normals_split_custom_set_from_vertices(own["normals"].tolist())
        mesh.materials.append(material(bpy, part, own, number))
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(mesh.name, mesh))


def picture(bpy: Any, name: str, pixels: np.ndarray[Any, Any], space: str) -> Any:
    """An image of Blender's from (h, w, 4), row 0 on top; bytes are sRGB, floats are linear."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=True, float_buffer=pixels.dtype != np.uint8)
    image.colorspace_settings.name = space
    image.alpha_mode = "CHANNEL_PACKED"
    values = pixels[::-1].astype(np.float32) / (255.0 if pixels.dtype == np.uint8 else 1.0)
    image.pixels.foreach_set(np.ascontiguousarray(values).reshape(-1))
    image.update()
    return image


class Graph:
    """The nodes of one material."""

    def __init__(self, made: Any) -> None:
        made.use_nodes = True
        self._nodes, self._links = made.node_tree.nodes, made.node_tree.links
        self._nodes.clear()

    def node(self, kind: str, *inputs: Any, **settings: Any) -> Any:
        """A node; `inputs` are sockets to link to its first inputs, or numbers."""
        new = self._nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(new, name, value)
        for place, value in enumerate(inputs):
            self.give(new, place, value)
        return new

    def give(self, node: Any, place: int | str, value: Any) -> None:
        """Link a socket to a node's input, or set it to a number."""
        if isinstance(value, float):
            node.inputs[place].default_value = value
        else:
            self._links.new(value, node.inputs[place])

    def math(self, operation: str, first: Any, second: Any) -> Any:
        """The result of a calculation with numbers."""
        return self.node("Math", first, second, operation=operation).outputs[0]


def material(bpy: Any, part: dict[str, Any], own: Arrays, number: int) -> Any:
    """A part's material: factor x texture x vertex colour, holes by alpha, and light by its own where it is unlit."""
    made = bpy.data.materials.new(f"part {number}")
    graph = Graph(made)
    colour, alpha = _base(bpy, graph, part, own, number)
    if part["unlit"]:  # seen by the camera, but no lamp
        surface = graph.node("Emission", colour, graph.node("LightPath").outputs["Is Camera Ray"])
    else:
        surface = graph.node("BsdfPrincipled", colour)
        graph.give(surface, "Metallic", float(part["metallic"]))
        graph.give(surface, "Roughness", float(part["roughness"]))
    shown = surface.outputs[0]
    if part["cutoff"] > 0:
        kept = graph.math("GREATER_THAN", alpha, part["cutoff"] - 1e-6)
        share = graph.math("MULTIPLY", kept, alpha) if part["blend"] else kept
        shown = graph.node("MixShader", share, graph.node("BsdfTransparent").outputs[0], shown).outputs[0]
    graph.node("OutputMaterial", shown)
    return made


def _base(bpy: Any, graph: Graph, part: dict[str, Any], own: Arrays, number: int) -> tuple[Any, Any]:
    """Sockets of linear colour and alpha."""
    factor = part["colour"]
    colour, alpha = graph.node("RGB").outputs[0], graph.node("Value").outputs[0]
    colour.default_value, alpha.default_value = (*factor[:3], 1.0), factor[3]
    sources = []
    if "texture" in own:
        image = picture(bpy, f"texture {number}", own["texture"], "sRGB")
        sources.append(graph.node("TexImage", image=image, extension=WRAPS[part["wrap"]]).outputs)
    if "colours" in own:
        sources.append(graph.node("VertexColor", layer_name="tint").outputs)
    for outputs in sources:
        colour = graph.node("VectorMath", colour, outputs["Color"], operation="MULTIPLY").outputs[0]
        alpha = graph.math("MULTIPLY", alpha, outputs["Alpha"])
    return colour, alpha


def render(bpy: Any, header: dict[str, Any], arrays: Arrays) -> np.ndarray[Any, Any]:
    """One view: (H, W, 4) float32, linear, multiplied by alpha, row 0 on top."""
    from mathutils import Matrix, Vector

    scene = bpy.context.scene
    for held in [each for each in scene.objects if each.type in ("LIGHT", "CAMERA")]:
        bpy.data.objects.remove(held)
    camera = bpy.data.cameras.new("camera")
    K, width, height = arrays["K"], header["width"], header["height"]
    camera.sensor_fit, camera.sensor_width = "HORIZONTAL", 36.0
    camera.lens = 36.0 * K[0, 0] / width
    camera.shift_x, camera.shift_y = (width / 2 - K[0, 2]) / width, (K[1, 2] - height / 2) / width
    camera.clip_start, camera.clip_end = header["near"], 1000.0
    eye = bpy.data.objects.new("camera", camera)
    eye.matrix_world = Matrix(arrays["pose"].tolist())
    scene.collection.objects.link(eye)
    scene.camera = eye
    for name in ("key", "fill"):
        lamp = bpy.data.lights.new(name, "SUN")
        strength = max(float(arrays[f"{name} colour"].max()), 1e-9)
        lamp.energy, lamp.color = strength, (arrays[f"{name} colour"] / strength).tolist()
        lamp.angle = header["angle"]
        sun = bpy.data.objects.new(name, lamp)
        sun.rotation_mode = "QUATERNION"
        sun.rotation_quaternion = Vector(arrays[f"{name} direction"].tolist()).to_track_quat("Z", "Y")
        scene.collection.objects.link(sun)
    surround(bpy, arrays["panorama"])
    return trace(bpy, header)


def surround(bpy: Any, panorama: np.ndarray[Any, Any]) -> None:
    """Light from all around: an equirectangular picture (h, w, 4); its middle is +x of the world, left of it is +y."""
    for old in bpy.data.worlds:
        bpy.data.worlds.remove(old)
    for image in [each for each in bpy.data.images if each.name.startswith("panorama")]:
        bpy.data.images.remove(image)
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    nodes.clear()
    texture, output = nodes.new("ShaderNodeTexEnvironment"), nodes.new("ShaderNodeOutputWorld")
    background = nodes.new("ShaderNodeBackground")
    texture.image = picture(bpy, "panorama", panorama, "Linear Rec.709")
    links.new(texture.outputs[0], background.inputs[0])
    links.new(background.outputs[0], output.inputs[0])


def trace(bpy: Any, header: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Trace paths for the scene's camera."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles, settings = scene.cycles, scene.render
    cycles.device, cycles.samples, cycles.seed = "CPU", header["samples"], header["seed"]
    cycles.use_denoising = cycles.use_adaptive_sampling = False
    cycles.pixel_filter_type = "BOX"  # a pixel is the mean over itself: colour and mask lie on each other
    cycles.filter_width = 1.0
    cycles.transparent_max_bounces = 32
    settings.use_persistent_data, settings.film_transparent = True, True
    settings.resolution_x, settings.resolution_y = header["width"], header["height"]
    settings.resolution_percentage = 100
    settings.image_settings.file_format, settings.image_settings.color_depth = "OPEN_EXR", "32"
    settings.image_settings.color_mode, settings.use_file_extension = "RGBA", True
    scene.view_settings.view_transform = "Raw"
    with tempfile.TemporaryDirectory(prefix="dst3d-blender-") as folder:
        settings.filepath = os.path.join(folder, "view")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(settings.filepath + ".exr")
        image.colorspace_settings.name = "Non-Color"
        values = np.empty(header["width"] * header["height"] * 4, np.float32)
        image.pixels.foreach_get(values)
        bpy.data.images.remove(image)
    return values.reshape(header["height"], header["width"], 4)[::-1]


def main() -> None:
    """Answer messages until the pipe is closed."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    sys.path[:] = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]
    questions, answers = open(int(words[0]), "rb"), open(int(words[1]), "wb")  # noqa: SIM115 - open as long as we live
    try:
        import bpy
    except Exception as error:  # whatever a broken install raises
        send(answers, {"error": f"bpy cannot be imported: {type(error).__name__}: {error}"}, {})
        return
    send(answers, {"blender": bpy.app.version_string}, {})
    while True:
        try:
            header, arrays = receive(questions)
        except EOFError:
            return
        try:
            if header["do"] == "load":
                load(bpy, header, arrays)
                send(answers, {}, {})
            else:
                send(answers, {}, {"rgba": render(bpy, header, arrays)})
        except Exception as error:  # told to the other side, which knows which model and view it was
            send(answers, {"error": f"{type(error).__name__}: {error}"}, {})


if __name__ == "__main__":
    main()
