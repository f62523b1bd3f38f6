"""GLSL for the OpenGL engines: the same light as `shade`; for pyrender, normals and part numbers written as colours.

pyrender picks the names `mesh.vert` and `mesh.frag` and replaces its own `..._LOC` words by numbers. Its material has
no place for a part's number, alpha cutoff and unlit flag: they travel in the emissive factor, which is not used else.
"""

from __future__ import annotations

from . import shade

COLOUR, NORMAL, PART = 0, 1, 2  # what a pass writes

VERTEX = """#version 330 core
layout(location = 0) in vec3 position;
layout(location = NORMAL_LOC) in vec3 normal;
#ifdef TEXCOORD_0_LOC
layout(location = TEXCOORD_0_LOC) in vec2 texcoord_0;
#endif
#ifdef COLOR_0_LOC
layout(location = COLOR_0_LOC) in vec4 color_0;
#endif
uniform mat4 V;
uniform mat4 P;
out vec3 eye;
out vec3 vertex_normal;
out vec2 uv;
out vec4 tint;

void main()
{
    vec4 place = V * vec4(position, 1.0);
    gl_Position = P * place;
    eye = place.xyz;
    vertex_normal = (V * vec4(normal, 0.0)).xyz;
    uv = vec2(0.0);
    tint = vec4(1.0);
#ifdef TEXCOORD_0_LOC
    uv = texcoord_0;
#endif
#ifdef COLOR_0_LOC
    tint = clamp(color_0, 0.0, 1.0);
#endif
}
"""

# n is the normal and v the direction to the viewer, both unit, in any one frame.
_LIGHT = """uniform vec3 key_direction;  // all directions in the frame of n and v
uniform vec3 key_colour;
uniform vec3 fill_direction;
uniform vec3 fill_colour;
uniform vec3 matt_light[9];  // the environment as `environment.polynomials` has it
uniform vec3 mirror_light[9];

vec3 decode(vec3 c) { return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(vec3(0.04045), c)); }
vec3 encode(vec3 c)
{
    return mix(c * 12.92, 1.055 * pow(max(c, vec3(0.0)), vec3(1.0 / 2.4)) - 0.055, step(vec3(0.0031308), c));
}
vec3 tone(vec3 x)
{
    vec3 over = max(x - @SHOULDER@, 0.0) / (1.0 - @SHOULDER@);
    return min(x, vec3(@SHOULDER@)) + (1.0 - @SHOULDER@) * (over / (1.0 + over));
}
float highlight(vec3 n, vec3 v, vec3 light, float facing, float rough)
{
    float n_h = clamp(dot(n, normalize(v + light)), 0.0, 1.0);
    float a = rough * rough;
    float a2 = a * a;
    float d = n_h * n_h * (a2 - 1.0) + 1.0;
    float k = a * 0.5;
    float n_l = max(dot(n, light), 1e-3);
    return min(a2 / (d * d) * 0.25 / ((facing * (1.0 - k) + k) * (n_l * (1.0 - k) + k)), 8.0);
}
vec3 around(vec3 c[9], vec3 d)
{
    vec3 x = c[1] + c[4] * d.x + c[6] * d.y + c[8] * d.z;
    vec3 y = c[2] + c[5] * d.y + c[7] * d.z;
    return max(c[0] + d.x * x + d.y * y + d.z * c[3], vec3(0.0));
}
vec3 lit(vec3 base, vec3 n, vec3 v, float metallic, float roughness)
{
    float facing = clamp(dot(n, v), 1e-3, 1.0);
    float rough = clamp(roughness, 0.08, 1.0);
    float towards_key = dot(n, key_direction);
    float lit_key = max((towards_key + @KEY_WRAP@) / (1.0 + @KEY_WRAP@), 0.0);
    float lit_fill = max(dot(n, fill_direction), 0.0);
    float glint_key = highlight(n, v, key_direction, facing, rough) * max(towards_key, 0.0);
    float graze = pow(1.0 - facing, 5.0) * (1.0 - rough);
    vec3 mirror = 0.04 + (base - 0.04) * metallic;
    mirror = mirror + (1.0 - mirror) * graze;
    vec3 matt = base * (1.0 - metallic);
    vec3 ambient = @AMBIENT@ * around(matt_light, n);
    vec3 light = @DIRECT@ * (key_colour * lit_key + fill_colour * lit_fill) + ambient;
    vec3 seen = @AMBIENT@ * around(mirror_light, 2.0 * dot(n, v) * n - v) * (1.35 - 0.35 * rough);
    return tone(matt * light + mirror * (seen + @DIRECT@ * key_colour * glint_key));
}
"""

_FRAGMENT = """#version 330 core
struct Material {
    vec3 emissive_factor;  // part number, alpha cutoff, unlit
    vec4 base_color_factor;
    float metallic_factor;
    float roughness_factor;
#ifdef HAS_BASE_COLOR_TEX
    sampler2D base_color_texture;
#endif
};
uniform Material material;
uniform int pass_kind;
@LIGHT@in vec3 eye;
in vec3 vertex_normal;
in vec2 uv;
in vec4 tint;
out vec4 written;

void main()
{
    vec4 base = material.base_color_factor * tint;
#ifdef HAS_BASE_COLOR_TEX
    vec4 texel = texture(material.base_color_texture, uv);
    base *= vec4(decode(texel.rgb), texel.a);
#endif
    if (material.emissive_factor.y > 0.0 && base.a < material.emissive_factor.y) discard;
    vec3 v = -normalize(eye);
    vec3 face = normalize(cross(dFdx(eye), dFdy(eye)));
    face *= sign(dot(face, v));
    vec3 n = length(vertex_normal) < 0.5 ? face : normalize(vertex_normal);
    n = dot(n, face) < 0.0 ? -n : n;
    n = normalize(n - min(dot(n, v), 0.0) * v);
    if (pass_kind == 1) {
        written = vec4(0.5 * n + 0.5, 1.0);
    } else if (pass_kind == 2) {
        int part = int(material.emissive_factor.x + 0.5);
        written = vec4(float(part & 255), float((part >> 8) & 255), float((part >> 16) & 255), 255.0) / 255.0;
    } else {
        vec3 shown = base.rgb;
        if (material.emissive_factor.z < 0.5)
            shown = lit(shown, n, v, material.metallic_factor, material.roughness_factor);
        written = vec4(encode(clamp(shown, 0.0, 1.0)), 1.0);
    }
}
"""


def light() -> str:
    """Declarations of the lights' uniforms, `decode` and `encode` (sRGB) and `lit`, with `shade`'s constants."""
    text = _LIGHT
    for name in ("SHOULDER", "KEY_WRAP", "DIRECT", "AMBIENT"):
        text = text.replace(f"@{name}@", repr(float(getattr(shade, name))))
    return text


def fragment() -> str:
    """The fragment shader."""
    return _FRAGMENT.replace("@LIGHT@", light())
