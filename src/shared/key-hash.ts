// Hashes keys of tables with a secret seed, so that nobody who chooses a key can choose what it collides with.

/** The seed is two 32-bit numbers. */
export interface KeySeed { readonly low: number, readonly high: number }

export interface KeyHash {
  /** Hashes `key`; `place` and `fingerprint` are its results until the next call. */
  hash (key: string): void
  place: number
  /** Never 0. */
  fingerprint: number
}

/**
 * SipHash on 32-bit words (HalfSipHash-1-3 of Aumasson and Bernstein's family) over UTF-16 units, two to a word. Of
 * 64 bits of result one half chooses the place, the other one is kept to tell keys apart.
 */
export function createKeyHash ({ low, high }: KeySeed): KeyHash {
  let v0 = 0
  let v1 = 0
  let v2 = 0
  let v3 = 0

  function round (): void {
    v0 = v0 + v1 | 0
    v1 = (v1 << 5 | v1 >>> 27) ^ v0
    v0 = v0 << 16 | v0 >>> 16
    v2 = v2 + v3 | 0
    v3 = (v3 << 8 | v3 >>> 24) ^ v2
    v0 = v0 + v3 | 0
    v3 = (v3 << 7 | v3 >>> 25) ^ v0
    v2 = v2 + v1 | 0
    v1 = (v1 << 13 | v1 >>> 19) ^ v2
    v2 = v2 << 16 | v2 >>> 16
  }

  function absorb (word: number): void {
    v3 ^= word
    round()
    v0 ^= word
  }

  // Most keys come many times in a row: the events of a batch, the requests of a sender.
  let last: string | undefined
  const result: KeyHash = {
    place: 0,
    fingerprint: 0,
    hash (key) {
      if (key === last) return
      last = key
      const length = key.length
      v0 = low
      v1 = high
      v2 = 0x6c796765 ^ low
      v3 = 0x74656462 ^ high
      // 64 bits of result, as the family marks them.
      v1 ^= 0xee
      let at = 0
      for (; at + 1 < length; at += 2) absorb(key.charCodeAt(at) | key.charCodeAt(at + 1) << 16)
      // The length goes in by itself, so that no unit of the key can stand for it.
      if (at < length) absorb(key.charCodeAt(at))
      absorb(length)
      v2 ^= 0xee
      round()
      round()
      round()
      result.place = v1 ^ v3
      v1 ^= 0xdd
      round()
      round()
      round()
      result.fingerprint = (v1 ^ v3) || 1
    }
  }
  return result
}
