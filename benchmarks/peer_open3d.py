"""The peer of scan-to-measures: what one would write with Open3D today to get from a scan to a surface.

read -> voxel 1 mm -> statistical outliers -> floor plane -> normals -> Poisson surface, depth 8; all of it Open3D's own
multi-threaded C++, with the parameters of its tutorials. It ends with a surface: no side, no landmark, no measure.
`python benchmarks/peer_open3d.py SCAN.ply` prints the seconds after the imports and what came out, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d


def surface(path: Path) -> Any:
    """The mesh (o3d.geometry.TriangleMesh) of what stands on the floor of a scan in mm."""
    cloud = o3d.io.read_point_cloud(path)
    cloud = cloud.voxel_down_sample(voxel_size=1.0)
    cloud, _ = cloud.remove_statistical_outlier(nb_neighbors=20, std_ratio=2.0)
    _, floor = cloud.segment_plane(distance_threshold=1.5, ransac_n=3, num_iterations=1000)
    foot = cloud.select_by_index(floor, invert=True)
    foot.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(radius=5.0, max_nn=30))
    # the cheapest orientation there is: away from the centre (the consistent one takes many seconds more)
    foot.orient_normals_towards_camera_location(foot.get_center())
    foot.normals = o3d.utility.Vector3dVector(-np.asarray(foot.normals))
    mesh, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(foot, depth=8)
    return mesh


def main() -> None:
    """Times the one file that is given."""
    o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)
    start = time.perf_counter()
    mesh = surface(Path(sys.argv[1]))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "triangles": len(mesh.triangles)}))


if __name__ == "__main__":
    main()
