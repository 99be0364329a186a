// Reads public keys as they stand in a config: PEM, certificates, JSON Web Keys and sets of them.

import { createPublicKey } from 'node:crypto'
import type { JSONWebKeySet, JWK } from 'jose'
import { publicKeys } from './fetch-keys.ts'

/**
 * One set of all. Ids are left out: the issuer's tokens may name keys by ids that PEM has no room for, so that every
 * key of the right kind is tried. Throws, in words for the operator.
 */
export function readKeys (texts: readonly string[]): JSONWebKeySet {
  const keys = texts.flatMap(text => text.trimStart().startsWith('{') ? fromJson(text) : [fromPem(text)])
  return publicKeys({ keys: keys.map(({ kid: _kid, ...key }) => key) })
}

const expected = 'a public key as PEM, or a JSON Web Key or Key Set'

function fromJson (text: string): JWK[] {
  let value: { keys?: unknown } & JWK
  try {
    value = JSON.parse(text) as JWK
  } catch {
    throw new Error(`a key is no JSON: expected ${expected}`)
  }
  const keys = Array.isArray(value.keys) ? value.keys as JWK[] : [value]
  if (keys.some(({ d, k }) => d !== undefined || k !== undefined)) throw new Error(`a key is private: expected ${expected}`)
  return keys
}

function fromPem (text: string): JWK {
  if (text.includes('PRIVATE KEY')) throw new Error(`a key is private: expected ${expected}`)
  try {
    return createPublicKey(text).export({ format: 'jwk' }) as JWK
  } catch {
    throw new Error(`a key cannot be read: expected ${expected}`)
  }
}
