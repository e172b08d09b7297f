#!/usr/bin/env python3
"""Draws how the worker's cost grows with a burst, from the JSON of bin/bench --peers --scenario growth.

bin/bench --peers --scenario growth --runs 1 --output json >growth.json
bench/growth_svg.py <growth.json >docs/performance-growth.svg
"""

import json
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 760, 300, 60, 46, 44, 80
PANELS = [
    ("cpuMillisecondsPerJob", "CPU per job, milliseconds", "#2563eb"),
    ("peakMegabytes", "peak memory, megabytes", "#b45309"),
]


def points(document, figure):
    """Jobs and the median of the figure, by jobs."""
    steps = [one for one in document["scenarios"] if one["scenario"] == "growth"]
    for step in sorted(steps, key=lambda one: one["jobs"]):
        values = sorted(step["candidates"]["worker"][figure])
        yield step["jobs"], values[len(values) // 2]


def panel(index, title, color, figures):
    width = (WIDTH - 2 * LEFT - GAP) / 2
    left = LEFT + index * (width + GAP + LEFT / 2)
    bottom = HEIGHT - BOTTOM
    top_value = max(value for _, value in figures) * 1.25
    first, last = math.log10(figures[0][0]), math.log10(figures[-1][0])

    def place(jobs, value):
        x = left + width * (math.log10(jobs) - first) / max(last - first, 1e-9)
        return x, bottom - (bottom - TOP) * value / top_value

    yield f'<text x="{left:.0f}" y="{TOP - 18}" class="title">{title}</text>'
    yield f'<path d="M{left:.1f} {TOP}V{bottom}H{left + width:.1f}" class="axis"/>'
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*figure) for figure in figures))
    yield f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>'
    for jobs, value in figures:
        x, y = place(jobs, value)
        label = f"{value:.0f}" if value >= 10 else f"{value:.2f}"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
        yield f'<text x="{x:.1f}" y="{y - 10:.1f}" class="label">{label}</text>'
        yield f'<text x="{x:.1f}" y="{bottom + 20}" class="label">{jobs:,}</text>'
    yield f'<text x="{left + width / 2:.1f}" y="{bottom + 38}" class="label">jobs in one burst</text>'


def main():
    document = json.load(sys.stdin)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">')
    print("<title>CPU per job and peak memory of a worker, by the jobs of a burst</title>")
    print("<style>text{font:13px sans-serif;fill:#374151}.title{font-weight:600}.label{text-anchor:middle}")
    print(".axis{fill:none;stroke:#9ca3af}</style>")
    print(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>')
    for index, (figure, title, color) in enumerate(PANELS):
        print("\n".join(panel(index, title, color, list(points(document, figure)))))
    print("</svg>")


if __name__ == "__main__":
    main()
