// Byte sizes in words: `64KiB` to 65536 and back. Units are powers of 1024 (IEC 80000-13).

const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const
const grammar = /^([0-9]{1,15})(B|KiB|MiB|GiB|TiB)?$/

/** The number of bytes, or undefined where the text is no byte size or too large to count exactly. */
export function parseBytes (text: string): number | undefined {
  const match = grammar.exec(text)
  if (match === null) return undefined
  const unit = match[2] as keyof typeof units | undefined
  const size = Number(match[1]) * units[unit ?? 'B']
  return Number.isSafeInteger(size) ? size : undefined
}

/** The shortest exact text of a byte size. */
export function showBytes (size: number): string {
  let shown = `${size}`
  for (const [unit, factor] of Object.entries(units)) {
    if (size !== 0 && factor > 1 && size % factor === 0) shown = `${size / factor}${unit}`
  }
  return shown
}
