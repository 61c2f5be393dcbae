"""The drawing of an average adult foot: sections of body and leg, edges from above, toes.

Numbers in thousandths of foot length unless said otherwise; our own drawing, in proportion to ANSUR II men where that
survey has the size. Each section runs from the dorsal skin line (``inner``) to the plantar/posterior one (``outer``), a
fraction s = 0 … 1 of the way; edges are given at s = 0, 1/4, 1/2, 3/4, 1.
"""

from __future__ import annotations

import numpy as np

S_KNOTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
FRONT = 0.535  #: from this station on the sections are vertical (x = const)

# leg and rearfoot, a row a section, from the calf over the heel to the midfoot:
# inner x, z; outer x, z; y of the ridge; y of the sole; length of the top cap; of the bottom cap (thousandths of s);
# power of the bottom cap (thousandths: 2000 is an ellipse)
_REAR_LINES = np.array(
    [
        (  405,  1500,   -30,  1500,    10,     5,   500,   500,  2000),
        (  385,  1060,    15,  1060,    10,     5,   500,   500,  2000),
        (  372,   820,    42,   800,    10,     5,   500,   500,  2000),
        (  367,   670,    58,   620,    10,     3,   480,   480,  2000),
        (  369,   570,    65,   480,    10,     2,   460,   460,  2000),
        (  374,   500,    65,   382,    11,     0,   440,   440,  2000),
        (  382,   452,    51,   290,    13,     0,   420,   420,  2000),
        (  392,   412,    27,   208,    15,     0,   400,   400,  2000),
        (  403,   379,     6,   136,    18,     0,   400,   360,  2100),
        (  416,   351,     0,    84,    21,     0,   420,   330,  2200),
        (  429,   327,    11,    32,    25,     0,   460,   310,  2300),
        (  443,   306,    45,    -6,    29,     0,   500,   270,  2500),
        (  458,   287,   120,   -12,    34,     0,   550,   200,  2800),
        (  475,   270,   220,   -12,    40,    -4,   600,   200,  3200),
        (  493,   255,   330,   -12,    46,    -8,   640,   235,  3500),
        (  513,   241,   440,   -12,    52,   -10,   660,   275,  3700),
    ]
)  # fmt: skip
# medial edge (5), lateral edge (5) of the same sections
_REAR_EDGES = np.array(
    [
        (  148,   166,   172,   162,   135,   128,   152,   158,   150,   122),
        (  130,   145,   149,   140,   115,   110,   132,   136,   130,   105),
        (  110,   129,   133,   122,    88,    96,   119,   123,   113,    82),
        (   99,   119,   122,   106,    69,    88,   111,   116,   100,    64),
        (   95,   115,   117,    97,    61,    84,   107,   112,    91,    58),
        (   92,   112,   113,    94,    63,    82,   104,   109,    90,    61),
        (   91,   111,   112,    97,    76,    81,   103,   109,    96,    74),
        (   92,   110,   110,   104,    95,    82,   101,   106,   107,    95),
        (   95,   112,   112,   111,   108,    84,   101,   106,   117,   112),
        (   98,   114,   115,   118,   116,    84,   103,   111,   124,   121),
        (  100,   116,   118,   123,   120,    85,   105,   116,   130,   126),
        (  103,   118,   122,   127,   124,    86,   109,   121,   136,   130),
        (  106,   125,   130,   132,   129,    87,   114,   130,   144,   137),
        (  110,   133,   138,   137,   134,    88,   124,   146,   156,   149),
        (  114,   140,   145,   143,   140,    88,   129,   156,   170,   165),
        (  119,   147,   151,   149,   144,    88,   133,   166,   184,   180),
    ]
)  # fmt: skip
REAR = np.hstack([_REAR_LINES, _REAR_EDGES]) / 1000.0

# midfoot and forefoot at x = const, a row a section: x; dorsal height; y of the ridge; y of the sole; top cap; bottom
# cap; power of the bottom cap; medial edge as shares of the edge from above (5); lateral edge likewise (5)
FRONT_ROWS = np.array(
    [
        (535, 227, 58, -8, 670, 310, 3800, 800, 970, 1000, 950, 900, 460, 700, 880, 1000, 985),
        (600, 201, 68, -6, 650, 340, 3600, 800, 950, 1000, 970, 930, 450, 690, 890, 1000, 985),
        (660, 178.5, 75, -3, 630, 370, 3300, 800, 940, 1000, 985, 960, 440, 690, 900, 1000, 985),
        (740, 148.5, 82, 0, 600, 400, 3200, 800, 940, 1000, 985, 970, 440, 710, 910, 1000, 980),
        (800, 126.5, 85, 5, 580, 420, 3000, 800, 940, 1000, 985, 970, 460, 730, 920, 1000, 980),
        (860, 109, 85, 10, 570, 430, 2800, 800, 940, 1000, 985, 970, 500, 760, 930, 1000, 980),
        (930, 96, 80, 30, 560, 440, 2500, 820, 950, 1000, 985, 970, 600, 800, 950, 1000, 980),
        (1000, 86, 75, 60, 550, 450, 2300, 840, 960, 1000, 985, 970, 700, 850, 960, 1000, 980),
    ]
) / 1000.0  # fmt: skip

# edges of the foot seen from above: stations; medial; lateral with the toes in one (sock); lateral of the body alone
EDGE_X = np.array([535, 580, 620, 660, 700, 740, 780, 820, 860, 900, 940, 970, 1000]) / 1000.0
EDGE_MEDIAL = np.array([152, 157, 163, 171, 180, 184.5, 181, 175, 171, 166, 154, 140, 125]) / 1000.0
EDGE_SOCK = np.array([190, 198.5, 203.5, 203.5, 198, 189, 175, 157, 135, 107, 72, 40, 0]) / 1000.0
EDGE_BODY = np.array([190, 198.5, 203.5, 203, 196, 187, 178, 169, 160, 150, 140, 130, 120]) / 1000.0

# toes 1 … 5: tips (x; y) by type (toe 2's y is 0 by the definition of the axis), roots, widths
TOE_TIPS = {
    "egyptian": np.array([(1000, 106), (968, 0), (930, -64), (880, -113), (818, -163)]) / 1000.0,
    "greek": np.array([(972, 106), (1000, 0), (950, -64), (894, -113), (828, -163)]) / 1000.0,
    "square": np.array([(1000, 106), (1000, 0), (968, -64), (908, -113), (838, -163)]) / 1000.0,
}
TOE_ROOTS = np.array([(700, 124), (700, 48), (690, -10), (660, -57), (640, -138)]) / 1000.0
TOE_WIDTHS = np.array([104, 65, 54, 49, 51]) / 1000.0
TOE_ALONG = np.array([0.0, 0.30, 0.55, 0.82, 1.0])  #: root, knuckle, middle, pad, tip: shares of the toe's length
HALLUX_WIDTH, TOE_WIDTH = np.array([0.78, 0.89, 0.90, 1.00, 0.92]), np.array([0.86, 0.98, 0.92, 1.00, 0.88])
HALLUX_TOP, TOE_TOP = np.array([108, 107, 95, 84, 70]) / 1000.0, np.array([92, 100, 93, 70, 54]) / 1000.0
HALLUX_BOTTOM, TOE_BOTTOM = np.array([20, 22, 10, -13, -4]) / 1000.0, np.array([22, 30, 18, -12, -5]) / 1000.0
HALLUX_BOW = np.array([0, 10, 10, 4, 0]) / 1000.0  #: sideways, medial
TOE_BOW = np.array([0.0, 0.12, 0.20, 0.16, 0.0])  #: share of the way sideways from root to tip
TOE_DROP = np.array([0, 0, 2, 5, 9]) / 1000.0  #: how much lower each toe's top lies
TOE_CAPS = np.array([34, 26, 26, 26, 26]) / 1000.0  #: length of the rounded tip
