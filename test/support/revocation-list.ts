// Makes a certificate revocation list (RFC 5280 section 5.1) by hand: the platform reads such lists but makes none.

import { X509Certificate, createPrivateKey, sign } from 'node:crypto'

export interface RevocationParts {
  /** PEM of the authority's certificate, and of its private key (EC). */
  readonly authority: string
  readonly key: string
  /** Of the revoked certificates, in hex. */
  readonly serials: readonly string[]
  /** When the list is out of date. */
  readonly endMs: number
}

const dayMs = 86_400_000

function der (tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const size = Buffer.from(body.length.toString(16).padStart(4, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x82]), size, body])
}

function sequence (...parts: readonly Buffer[]): Buffer { return der(0x30, ...parts) }

/** YYMMDDHHMMSSZ. */
function time (ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]|\..*/g, '').slice(2)}Z`))
}

function serial (hex: string): Buffer {
  const bytes = Buffer.from(hex.padStart(hex.length + hex.length % 2, '0'), 'hex')
  // A first bit that is set would make it negative.
  return (bytes[0] ?? 0) > 0x7f ? der(0x02, Buffer.from([0]), bytes) : der(0x02, bytes)
}

/** Of an authority that has a common name and nothing else. */
function issuer (authority: string): Buffer {
  const found = /^CN=(.+)$/.exec(new X509Certificate(authority).subject)
  if (found?.[1] === undefined) throw new Error('only an authority that is named by its common name alone')
  const commonName = Buffer.from('0603550403', 'hex')
  return sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(found[1])))))
}

/** The list in PEM. */
export function revocationList ({ authority, key, serials, endMs }: RevocationParts): string {
  // ecdsa-with-SHA256
  const algorithm = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
  const startMs = Math.min(Date.now(), endMs) - dayMs
  const revoked = serials.map(one => sequence(serial(one), time(startMs)))
  const toSign = sequence(
    der(0x02, Buffer.from([1])), algorithm, issuer(authority), time(startMs), time(endMs),
    ...(revoked.length === 0 ? [] : [sequence(...revoked)])
  )
  const signature = sign('sha256', toSign, createPrivateKey(key))
  const list = sequence(toSign, algorithm, der(0x03, Buffer.from([0]), signature))
  const lines = list.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`
}
