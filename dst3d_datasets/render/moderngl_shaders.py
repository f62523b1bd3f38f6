"""GLSL of the moderngl engine: its passes, and `antialias` once more, on numbered triangles.

One pass notes the nearest triangle at the points of a lattice; all else is worked out from those numbers, so that every
visible point is shaded once and no attribute is interpolated by the driver. Frames are the project's (x right, y down,
z forward, pixel centres at +0.5): the picture is drawn upside down as OpenGL counts rows, and is read back upright.
"""

from __future__ import annotations

from .antialias import CONTRAST
from .layers import HIDDEN, LAYERS
from .moderngl_surface import LAYERED, SURFACE
from .pyrender_shaders import light

VERTEX = """#version 430 core
in vec3 position;
uniform mat3 turn;  // canonical frame to camera frame
uniform vec3 shift;
uniform vec3 across;  // camera frame to clip coordinates
uniform vec3 down;
uniform vec2 ahead;
void main()
{
    vec3 eye = turn * position + shift;
    gl_Position = vec4(dot(eye, across), dot(eye, down), eye.z * ahead.x + ahead.y, eye.z);
}
"""

# The number of the nearest triangle at every point of the lattice.
VISIBLE = (
    """#version 430 core
uniform int first;
out float number;
#ifdef HOLES
uniform float spacing;  // of the lattice, pixels
uniform vec2 corner;  // image point of its first point
uniform sampler2D earlier;
"""
    + SURFACE
    + """#endif
void main()
{
    int here = first + gl_PrimitiveID;
#ifdef HOLES
    vec3 along = ray((gl_FragCoord.xy - 0.5) * spacing + corner);
    Point p = look(here, along);
    float cutoff = material[p.face.w * 3 + 2].x;
    if (cutoff > 0.0 && base_of(p, 0.0).a < cutoff) discard;
#ifdef BEHIND
    int before = int(texelFetch(earlier, ivec2(gl_FragCoord.xy), 0).r);
    if (before == 0) discard;
    float z = look(before, along).z;
    if (p.z < z || (p.z == z && here <= before)) discard;
#endif
#endif
    number = float(here);
}
"""
)

# What the compute shaders write, one entry a pixel.
_PIXELS = """#version 430 core
layout(local_size_x = 256) in;
layout(std430, binding = 5) buffer Work { uint num_covered; uint num_rough; uint listed[]; };
layout(std430, binding = 6) buffer Centres { uint centre[]; };  // RGBA, straight sRGB
layout(std430, binding = 7) buffer Colours { uint colour[]; };  // the same, smoothed
layout(std430, binding = 8) buffer Geometry { vec4 geometry[]; };  // normal, depth
layout(std430, binding = 9) buffer Owners { int owner[]; };  // part; -1 outside the mask
uniform ivec2 size;
"""

# Clears every pixel, and lists those whose centre is covered.
COVERED = (
    _PIXELS
    + """
uniform sampler2D sheet0;
void main()
{
    int i = int(gl_GlobalInvocationID.x);
    if (i >= size.x * size.y) return;
    centre[i] = 0u;
    geometry[i] = vec4(0.0);
    owner[i] = -1;
    ivec2 at = ivec2(i % size.x, i / size.x);
    if (texelFetch(sheet0, 2 * at + 1, 0).r > 0.0) listed[atomicAdd(num_covered, 1u)] = uint(i);
}
"""
)

# The centres of the listed pixels.
CENTRES = (
    _PIXELS
    + SURFACE
    + LAYERED
    + """
void main()
{
    if (gl_GlobalInvocationID.x >= num_covered) return;
    int i = int(listed[gl_GlobalInvocationID.x]);
    ivec2 at = 2 * ivec2(i % size.x, i / size.x) + 1;
    Point seen;
    centre[i] = packUnorm4x8(straight(colour_at(at, number_at(sheet0, at), seen)));
    geometry[i] = vec4(seen.normal, seen.z);
    owner[i] = seen.face.w;
}
"""
)

# Lists the pixels whose colour is not smooth or through which the outline passes.
ROUGH = (
    _PIXELS
    + """
uniform sampler2D sheet0;
bool steps(vec4 here, ivec2 there)
{
    if (any(lessThan(there, ivec2(0))) || any(greaterThanEqual(there, size))) return false;
    vec4 apart = abs(unpackUnorm4x8(centre[there.y * size.x + there.x]) - here);
    return max(max(apart.r, apart.g), max(apart.b, apart.a)) * 255.0 > @CONTRAST@.5;
}
void main()
{
    int i = int(gl_GlobalInvocationID.x);
    if (i >= size.x * size.y) return;
    ivec2 at = ivec2(i % size.x, i / size.x);
    int covered = 0;
    for (int k = 0; k < 9; k++) covered += int(texelFetch(sheet0, 2 * at + ivec2(k % 3, k / 3), 0).r > 0.0);
    vec4 here = unpackUnorm4x8(centre[i]);
    bool rough = steps(here, at + ivec2(1, 0)) || steps(here, at - ivec2(1, 0))
              || steps(here, at + ivec2(0, 1)) || steps(here, at - ivec2(0, 1));
    colour[i] = centre[i];
    if (covered > 0 && (rough || covered < 9)) listed[atomicAdd(num_rough, 1u)] = uint(i);
}
"""
)

# The listed pixels as a tent over the 3 x 3 points of the lattice about their centres.
SMOOTH = (
    _PIXELS
    + SURFACE
    + LAYERED
    + """
void main()
{
    if (gl_GlobalInvocationID.x >= num_rough) return;
    int i = int(listed[gl_GlobalInvocationID.x]);
    ivec2 at = 2 * ivec2(i % size.x, i / size.x);
    vec4 sum = vec4(0.0);
    for (int k = 0; k < 9; k++) {
        ivec2 point = at + ivec2(k % 3, k / 3);
        float weight = (k % 3 == 1 ? 0.5 : 0.25) * (k / 3 == 1 ? 0.5 : 0.25);
        Point seen;
        sum += weight * colour_at(point, number_at(sheet0, point), seen);
    }
    colour[i] = packUnorm4x8(straight(sum));
}
"""
)


def source(text: str, defines: dict[str, bool]) -> str:
    """A shader with the shared functions and constants put in; the names of `defines` that are true are defined."""
    lines = "".join(f"#define {name.upper()}\n" for name, is_on in defines.items() if is_on)
    version, _, rest = text.partition("\n")
    for name, value in {"LIGHT": light(), "LAYERS": LAYERS, "HIDDEN": HIDDEN, "CONTRAST": CONTRAST}.items():
        rest = rest.replace(f"@{name}@", str(value))
    return f"{version}\n{lines}{rest}"
