// Finds the owner of an API key by its SHA-256, in a time that depends on nothing in a wrong key but its length.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

const digestBytes = 32
/** A longer key is cut before it is hashed and then counts as wrong. `sluice key new` makes keys of far less. */
export const keyLengthMax = 512

/** The two costly steps, so that a test can count them. */
export interface KeyCrypto {
  digest (text: string): Buffer
  equal (one: Buffer, other: Buffer): boolean
}

const platformCrypto: KeyCrypto = {
  digest: text => hash('sha256', text, 'buffer'),
  equal: timingSafeEqual
}

/** `digest` is the hex SHA-256 of the owner's key. */
export interface KeyEntry<Owner> { readonly digest: string, readonly owner: Owner }

export interface KeyTable<Owner> {
  find (key: string): Owner | undefined
}

interface Slot<Owner> { readonly digest: Buffer, readonly owner: Owner | undefined }

/**
 * Builds the table. Every bucket is filled up to the depth of the fullest one with digests that have no owner, and
 * every look-up compares a whole bucket, so neither an empty bucket nor an early difference can be seen in the time.
 * Throws when two owners share one key.
 */
export function createKeyTable<Owner> (
  entries: readonly KeyEntry<Owner>[], { digest, equal }: KeyCrypto = platformCrypto
): KeyTable<Owner> {
  const buckets = fill(entries)
  const mask = buckets.length - 1

  return {
    find (key) {
      const presented = digest(key.length > keyLengthMax ? key.slice(0, keyLengthMax) : key)
      let found: Owner | undefined
      for (const slot of buckets[presented.readUInt32LE(0) & mask] ?? []) {
        if (equal(slot.digest, presented)) found = slot.owner
      }
      return key.length > keyLengthMax || key.length === 0 ? undefined : found
    }
  }
}

function fill<Owner> (entries: readonly KeyEntry<Owner>[]): Slot<Owner>[][] {
  if (new Set(entries.map(({ digest }) => digest)).size < entries.length) {
    throw new Error('two principals share one API key: give each a key of its own')
  }
  // A power of two at least four times as many as keys keeps the fullest bucket at a handful.
  const bucketCount = 2 ** Math.ceil(Math.log2(Math.max(1, entries.length) * 4))
  const buckets: Slot<Owner>[][] = Array.from({ length: bucketCount }, () => [])
  for (const { digest, owner } of entries) {
    const slot = { digest: Buffer.from(digest, 'hex'), owner }
    buckets[slot.digest.readUInt32LE(0) & (bucketCount - 1)]?.push(slot)
  }
  const depth = Math.max(1, ...buckets.map(bucket => bucket.length))
  for (const bucket of buckets) {
    while (bucket.length < depth) bucket.push({ digest: randomBytes(digestBytes), owner: undefined })
  }
  return buckets
}
