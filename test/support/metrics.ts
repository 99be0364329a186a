// Reads a gateway's metrics in tests.

/** The sum of all samples of a metric, 0 where it is not there. */
export async function metricOf (healthPort: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    const found = /^([a-z_]+)(?:\{[^}]*\})? ([^ ]+)$/.exec(line)
    if (found !== null && found[1] === name) sum += Number(found[2])
  }
  return sum
}
