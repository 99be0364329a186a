// A byte budget of one test.

import type { ByteBudget } from '../../src/kafka/options.ts'

export function budgetOf (bytesMax: number): ByteBudget & { readonly usedBytes: () => number } {
  let usedBytes = 0
  return {
    usedBytes: () => usedBytes,
    take (bytes) {
      if (usedBytes + bytes > bytesMax) return false
      usedBytes += bytes
      return true
    },
    give (bytes) { usedBytes -= bytes },
    charge (bytes) { usedBytes += bytes }
  }
}
