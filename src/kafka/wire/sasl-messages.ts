// SaslHandshake, version 1, and SaslAuthenticate, version 2 (KIP-152, KIP-368).

import type { KafkaError } from '../kafka-error.ts'
import type { Reader } from './reader.ts'
import { unreadable } from './unreadable.ts'
import type { Writer } from './writer.ts'

export interface SaslHandshakeAnswer { readonly code: number, readonly mechanisms: readonly string[] }

export interface SaslAnswer {
  readonly code: number
  /** What the broker says to an error, for the operator. */
  readonly message: string
  readonly bytes: Buffer
  /** 0: as long as the connection. */
  readonly sessionLifetimeMs: number
}

export function writeSaslHandshake (writer: Writer, mechanism: string): void {
  writer.text(mechanism)
}

export function readSaslHandshake (reader: Reader): SaslHandshakeAnswer | KafkaError {
  const answer = { code: reader.int16(), mechanisms: reader.array(2, () => reader.text()) }
  return reader.broken ? unreadable('SaslHandshake') : answer
}

export function writeSaslAuthenticate (writer: Writer, message: Buffer): void {
  writer.compactBytes(message).zero()
}

export function readSaslAuthenticate (reader: Reader): SaslAnswer | KafkaError {
  const answer = {
    code: reader.int16(), message: reader.compactText(), bytes: reader.compactBytes(), sessionLifetimeMs: reader.int64()
  }
  return reader.broken ? unreadable('SaslAuthenticate') : answer
}
