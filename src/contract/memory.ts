// Remembers answers for a bounded time and in a bounded number: what is used least recently goes first.

export interface Memory<Answer> {
  /** The answer, while it holds. `nowMs` is of the same clock as the ends that were given. */
  find (key: string, nowMs: number): Answer | undefined
  keep (key: string, answer: Answer, endsAtMs: number): void
  forget (): void
  readonly count: () => number
}

interface Kept<Answer> { readonly answer: Answer, readonly endsAtMs: number }

/** A key should be short and no secret: a digest. */
export function createMemory<Answer> (entriesMax: number): Memory<Answer> {
  // A map keeps the order of insertion. Two of them make that an order of use without a delete and an insert at every
  // hit: what is used moves to the young one, and when that is full the old one is dropped as a whole.
  const halfMax = Math.max(1, Math.floor(entriesMax / 2))
  let young = new Map<string, Kept<Answer>>()
  let old = new Map<string, Kept<Answer>>()

  function put (key: string, kept: Kept<Answer>): void {
    if (young.size >= halfMax && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, kept)
    old.delete(key)
  }

  return {
    find (key, nowMs) {
      const recent = young.get(key)
      const kept = recent ?? old.get(key)
      if (kept === undefined) return undefined
      if (nowMs >= kept.endsAtMs) {
        young.delete(key)
        old.delete(key)
        return undefined
      }
      if (recent === undefined) put(key, kept)
      return kept.answer
    },
    keep (key, answer, endsAtMs) { put(key, { answer, endsAtMs }) },
    forget () {
      young.clear()
      old.clear()
    },
    count: () => young.size + old.size
  }
}
