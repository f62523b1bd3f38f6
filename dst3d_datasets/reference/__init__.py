"""Reading what the 3D-DST reference code wrote: its trees of renders, annotations, depth and generated pictures."""
