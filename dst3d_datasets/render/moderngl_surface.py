"""GLSL of the moderngl engine: what is at a point of a triangle, and its colour: `surface`, `texture`, `layers` again.

The code works on numbered triangles, whose corners it reads from buffers; numbers count from 1 and 0 is background.
"""

from __future__ import annotations

# What is at a point: `look(triangle, ray)` and `shaded`.
SURFACE = """
layout(std430, binding = 0) readonly buffer Vertices { float vertex[]; };  // position, normal, then uv, then RGBA
layout(std430, binding = 1) readonly buffer Faces { ivec4 face[]; };  // three vertices, part
layout(std430, binding = 2) readonly buffer Materials { vec4 material[]; };  // three cells a part
layout(std430, binding = 3) readonly buffer Texels { uint texel[]; };
layout(std430, binding = 4) readonly buffer Levels { ivec4 level[]; };  // start, width, height, wrap
uniform mat3 turn;
uniform vec3 shift;
uniform vec3 lens_x;  // x/z of the ray through image point (x, y) is dot(lens_x, (x, y, 1))
uniform vec3 lens_y;
uniform float focal2;  // fx fy times the samples in a pixel
uniform int stride;  // floats of a vertex
uniform int levels;
@LIGHT@
struct Point { vec3 normal; float z; vec3 weight; ivec4 face; float density; };

vec3 ray(vec2 at) { return vec3(dot(lens_x, vec3(at, 1.0)), dot(lens_y, vec3(at, 1.0)), 1.0); }
vec3 position_of(int v) { int i = v * stride; return vec3(vertex[i], vertex[i + 1], vertex[i + 2]); }
vec3 normal_of(int v, vec3 towards)
{
    int i = v * stride + 3;
    vec3 n = turn * vec3(vertex[i], vertex[i + 1], vertex[i + 2]);
    return dot(n, n) < 0.25 ? towards : dot(n, towards) < 0.0 ? -n : n;
}
vec2 uv_of(int v) { int i = v * stride + 6; return vec2(vertex[i], vertex[i + 1]); }
vec4 tint_of(int v)
{
    int i = v * stride + 8;
    return vec4(vertex[i], vertex[i + 1], vertex[i + 2], vertex[i + 3]);
}
// Where the ray meets the triangle (Moeller and Trumbore, 1997), never outside it.
Point look(int number, vec3 along)
{
    Point p;
    p.face = face[number - 1];
    vec3 a = position_of(p.face.x), b = position_of(p.face.y), c = position_of(p.face.z);
    vec3 origin = turn * a + shift, ab = turn * (b - a), ac = turn * (c - a);
    vec3 h = cross(along, ac), q = cross(origin, ab);
    float across = dot(ab, h);
    float share = across == 0.0 ? 0.0 : 1.0 / across;
    float second = clamp(-dot(origin, h) * share, 0.0, 1.0);
    float third = clamp(-dot(along, q) * share, 0.0, 1.0 - second);
    p.weight = vec3(1.0 - second - third, second, third);
    p.z = origin.z + second * ab.z + third * ac.z;
    vec3 flat_normal = cross(ab, ac);
    float area = max(length(flat_normal), 1e-30);
    vec3 towards = flat_normal / (dot(flat_normal, origin) > 0.0 ? -area : area);
    vec3 n = p.weight.x * normal_of(p.face.x, towards) + p.weight.y * normal_of(p.face.y, towards)
           + p.weight.z * normal_of(p.face.z, towards);
    n -= max(dot(n, along), 0.0) / dot(along, along) * along;
    p.normal = n * inversesqrt(max(dot(n, n), 1e-24));
#ifdef TEXTURED
    vec2 u = uv_of(p.face.x), v = uv_of(p.face.y) - u, w = uv_of(p.face.z) - u;
    p.density = abs(v.x * w.y - w.x * v.y) / area * p.z * p.z / (max(-dot(p.normal, along), 0.3) * focal2);
#endif
    return p;
}
#ifdef TEXTURED
ivec2 taps(float at, int size, int wrap, out float share)
{
    float folded = at - 2.0 * floor(at * 0.5);
    folded = folded > 1.0 ? 2.0 - folded : folded;
    float place = (wrap == 0 ? at - floor(at) : wrap == 1 ? clamp(at, 0.0, 1.0) : folded) * float(size) - 0.5;
    share = place - floor(place);
    int first = int(floor(place)), second = first + 1;
    if (first < 0) first = wrap == 0 ? size - 1 : 0;
    if (second >= size) second = wrap == 0 ? 0 : size - 1;
    return ivec2(first, second);
}
vec4 texture_at(Point p, float density)
{
    ivec4 whole = level[p.face.w * levels];
    float texels = max(density * float(whole.y) * float(whole.z), 1e-6);
    ivec4 chosen = level[p.face.w * levels + clamp(int(floor(0.5 * log2(texels) + 0.5)), 0, levels - 1)];
    vec2 at = p.weight.x * uv_of(p.face.x) + p.weight.y * uv_of(p.face.y) + p.weight.z * uv_of(p.face.z);
    vec2 share;
    ivec2 x = taps(at.x, chosen.y, chosen.w, share.x), y = taps(1.0 - at.y, chosen.z, chosen.w, share.y);
    ivec2 row = chosen.x + y * chosen.y;
    vec4 upper = mix(unpackUnorm4x8(texel[row.x + x.x]), unpackUnorm4x8(texel[row.x + x.y]), share.x);
    vec4 lower = mix(unpackUnorm4x8(texel[row.y + x.x]), unpackUnorm4x8(texel[row.y + x.y]), share.x);
    return mix(upper, lower, share.y);
}
#endif
// Linear RGB and alpha: material x vertex colour x texture.
vec4 base_of(Point p, float density)
{
    vec4 base = material[p.face.w * 3];
#ifdef TINTED
    base *= clamp(p.weight.x * tint_of(p.face.x) + p.weight.y * tint_of(p.face.y) + p.weight.z * tint_of(p.face.z),
                  0.0, 1.0);
#endif
#ifdef TEXTURED
    if (material[p.face.w * 3 + 2].z > 0.5) {
        vec4 found = texture_at(p, density);
        base *= vec4(decode(found.rgb), found.a);
    }
#endif
    return base;
}
// As the viewer sees it, linear; alpha is the opacity.
vec4 shaded(Point p, vec3 along)
{
    vec4 base = base_of(p, p.density);
    vec4 finish = material[p.face.w * 3 + 1];  // metallic, roughness, unlit
    vec3 shown = finish.z > 0.5 ? base.rgb : lit(base.rgb, p.normal, -normalize(along), finish.x, finish.y);
    bool blended = material[p.face.w * 3 + 2].y > 0.5;
    return vec4(clamp(shown, 0.0, 1.0), blended ? clamp(base.a, 0.0, 1.0) : 1.0);
}
"""

LAYERED = """
uniform sampler2D sheet0;
#ifdef LAYERED
uniform sampler2D sheet1;
uniform sampler2D sheet2;
uniform sampler2D sheet3;
uniform sampler2D sheet4;
#endif
int number_at(sampler2D sheet, ivec2 at) { return int(texelFetch(sheet, at, 0).r); }
// Premultiplied linear colour at a point of the lattice, whose points (2 x + 1, 2 y + 1) are the pixels' centres.
vec4 colour_at(ivec2 at, int number, out Point point)
{
    if (number == 0) return vec4(0.0);
    vec3 along = ray(vec2(at) * 0.5);
    point = look(number, along);
    vec4 front = shaded(point, along);
    vec4 sum = vec4(front.rgb * front.a, front.a);
#ifdef LAYERED
    for (int layer = 1; layer < @LAYERS@ && 1.0 - sum.a > @HIDDEN@; layer++) {
        int next = layer == 1 ? number_at(sheet1, at) : layer == 2 ? number_at(sheet2, at)
                 : layer == 3 ? number_at(sheet3, at) : number_at(sheet4, at);
        if (next == 0) break;
        vec4 seen = shaded(look(next, along), along);
        float share = (layer == @LAYERS@ - 1 ? 1.0 : seen.a) * (1.0 - sum.a);
        sum += vec4(seen.rgb * share, share);
    }
#endif
    return sum;
}
vec4 straight(vec4 sum) { return sum.a > 0.0 ? vec4(encode(sum.rgb / sum.a), sum.a) : vec4(0.0); }
"""
