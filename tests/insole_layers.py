"""A bonded elastic layer under a sphere by finite elements (scikit-fem): the truth that a bed of springs is held to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skfem import Basis, ElementQuad1, ElementVector, MeshQuad, asm, condense, solve
from skfem.assembly import BilinearForm


@dataclass(frozen=True)
class Contact:
    """Force (N), pressure in the middle (kPa), radius of contact (mm)."""

    force_n: float
    peak_kpa: float
    radius_mm: float


def sphere_on_layer(young_mpa: float, poisson: float, height_mm: float, sphere_mm: float, sinking_mm: float) -> Contact:
    """A smooth sphere pressed ``sinking_mm`` into a layer that is glued to a rigid floor; small strains, axisymmetric.

    Bilinear elements, finest where the contact ends; the contact by an active set on nodal forces.
    """
    a = np.sqrt(2.0 * sphere_mm * sinking_mm)
    r = np.concatenate([np.linspace(0.0, 1.3 * a, 105), np.linspace(1.3 * a, 1.3 * a + 6.0 * height_mm, 33)[1:]])
    mesh = MeshQuad.init_tensor(r, np.linspace(-height_mm, 0.0, 15))
    basis = Basis(mesh, ElementVector(ElementQuad1()))
    shear = young_mpa / (2.0 * (1.0 + poisson))
    lame = young_mpa * poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))

    @BilinearForm
    def form(u, v, w):
        rr = np.maximum(w.x[0], 1e-9)

        def strains(f):
            g = f.grad
            return g[0, 0], g[1, 1], f[0] / rr, g[0, 1] + g[1, 0]

        (er, ez, et, gm), (dr, dz, dt, dg) = strains(u), strains(v)
        trace = er + ez + et
        work = lame * trace * (dr + dz + dt) + 2.0 * shear * (er * dr + ez * dz + et * dt) + shear * gm * dg
        return 2.0 * np.pi * rr * work

    stiffness = asm(form, basis)
    bottom = basis.get_dofs(lambda x: np.isclose(x[1], -height_mm)).all()
    axis = basis.get_dofs(lambda x: np.isclose(x[0], 0.0)).all(["u^1"])
    top = basis.get_dofs(lambda x: np.isclose(x[1], 0.0)).all(["u^2"])
    radius = basis.doflocs[0, top]
    pressed = -(sinking_mm - radius**2 / (2.0 * sphere_mm))
    active = pressed < 0
    for _ in range(60):
        u = np.zeros(basis.N)
        u[top[active]] = pressed[active]
        fixed = np.unique(np.concatenate([bottom, axis, top[active]]))
        u = solve(*condense(stiffness, np.zeros(basis.N), x=u, D=fixed))
        pull = np.asarray(stiffness @ u)[top]  # upward force that holds the top node
        now = np.where(active, pull < 1e-12, u[top] > pressed + 1e-12)
        if (now == active).all():
            break
        active = now
    force = -pull[active].sum()
    order = np.argsort(radius)
    spacing = radius[order[1]]
    middle = -pull[order[:4]].sum() / (np.pi * (3.5 * spacing) ** 2)  # over the four innermost rings
    return Contact(float(force), float(1000.0 * middle), float(radius[active].max()))
