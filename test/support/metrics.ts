// Reads a gateway's metrics in tests.

async function exposed (healthPort: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()
}

/** The sum of all samples of a metric, or of those with these labels as they stand there; 0 where there are none. */
export async function metricOf (healthPort: number, name: string, labels = ''): Promise<number> {
  const text = await exposed(healthPort)
  let sum = 0
  for (const line of text.split('\n')) {
    const found = /^([a-z0-9_]+)(?:\{[^}]*\})? ([^ ]+)$/.exec(line)
    if (found !== null && found[1] === name && line.includes(labels)) sum += Number(found[2])
  }
  return sum
}

/** How much a histogram counted in all, and within one of its bounds. */
export async function histogramOf (
  healthPort: number, name: string, boundSeconds: number
): Promise<{ all: number, within: number }> {
  const text = await exposed(healthPort)
  const sum = (line: RegExp): number =>
    [...text.matchAll(line)].reduce((total, [, value]) => total + Number(value), 0)
  return {
    all: sum(new RegExp(`^${name}_count\\{.*\\} (\\d+)$`, 'gm')),
    within: sum(new RegExp(`^${name}_bucket\\{.*le="${boundSeconds}"\\} (\\d+)$`, 'gm'))
  }
}
