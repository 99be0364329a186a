// A handful of measurements as what to quote of them: the median and the range.

export interface Spread { readonly median: number, readonly least: number, readonly most: number }

/** Throws where there is nothing to sum up. */
export function spreadOf (values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const least = sorted[0]
  const most = sorted.at(-1)
  const upper = sorted[sorted.length >> 1]
  const lower = sorted[(sorted.length - 1) >> 1]
  if (least === undefined || most === undefined || upper === undefined || lower === undefined) {
    throw new Error('nothing was measured')
  }
  return { median: (lower + upper) / 2, least, most }
}

/** E.g. `31.2 (30.8-33.0)`. */
export function spreadText ({ median, least, most }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`
}
