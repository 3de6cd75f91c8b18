"""The policies of HYDATIS in the arena, made of the placement library alone: no arithmetic of their own."""
