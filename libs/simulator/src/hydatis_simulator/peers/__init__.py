"""Peers: what other schedulers would do in the arena, one file each, with their defects.

A comparison is worth as much as its rivals are real. Each file restates the formula of one published policy, vectorised over nodes,
and acts on what ``Seen`` shows it as the real one acts on its metrics: where the real one goes blind, so does its peer here.
``registry`` names them all.
"""
