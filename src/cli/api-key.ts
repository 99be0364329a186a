// Makes API keys: random, with a prefix that leak scanners can find and a checksum that tells a mistyped key.

import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export interface ApiKey {
  /** What the sender shows. It stands nowhere but where its owner keeps it. */
  readonly key: string
  /** What the config holds: `sha256:` and the hex SHA-256 of the key. */
  readonly hash: string
}

const prefix = 'sluice_'
const randomByteCount = 32

export function makeApiKey (): ApiKey {
  const body = `${prefix}${randomBytes(randomByteCount).toString('base64url')}`
  const key = `${body}${checksum(body)}`
  return { key, hash: hashOf(key) }
}

export function hashOf (key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}

/** False: a character was lost or changed. True says nothing about whether the key is known anywhere. */
export function looksWhole (key: string): boolean {
  return key.startsWith(prefix) && checksum(key.slice(0, -8)) === key.slice(-8)
}

function checksum (text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
