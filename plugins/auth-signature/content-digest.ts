// Compares a Content-Digest (RFC 9530) with the body that it is about.

import { hash } from 'node:crypto'
import { parseDictionary } from 'structured-headers'

const hashes = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

/** Every digest of it that can be checked, by the name of its hash; undefined where there is none. */
export function readDigests (contentDigest: string): Map<string, Buffer> | undefined {
  const digests = new Map<string, Buffer>()
  try {
    const members = parseDictionary(contentDigest)
    for (const [name, algorithm] of Object.entries(hashes)) {
      const value = members.get(name)?.[0]
      if (value === undefined) continue
      if (!(value instanceof ArrayBuffer)) return undefined
      digests.set(algorithm, Buffer.from(value))
    }
  } catch {
    return undefined
  }
  return digests.size === 0 ? undefined : digests
}

/** A digest is no secret: whoever sends it has the body. */
export function digestsMatch (digests: ReadonlyMap<string, Buffer>, body: Buffer): boolean {
  return [...digests].every(([algorithm, digest]) => hash(algorithm, body, 'buffer').equals(digest))
}
