// What a peer's TLS certificate says of it, read once per connection. One that was not verified says nothing.

import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Certificate } from '../contract/envelope.ts'

/** The certificate of a secured socket; undefined where none was shown, or where it was not verified. */
export function certificateOf (socket: TLSSocket): Certificate | undefined {
  if (!socket.authorized) return undefined
  const shown = socket.getPeerX509Certificate()
  return shown === undefined ? undefined : readCertificate(shown)
}

/** The neutral form of a certificate. */
export function readCertificate (shown: X509Certificate): Certificate {
  const names = alternativeNames(shown.subjectAltName ?? '')
  const named = (kind: string): readonly string[] => names.filter(one => one.kind === kind).map(one => one.value)
  return Object.freeze({
    subject: subjectText(shown.subject ?? ''),
    dnsNames: named('DNS'),
    uris: named('URI'),
    emails: named('email'),
    fingerprint: shown.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAtMs: Date.parse(shown.validTo)
  })
}

/**
 * RFC 4514: the last part first, parts joined by commas. The platform gives one part a line in the certificate's order,
 * each value escaped already, line breaks included; ` + ` joins the attributes of one part.
 */
function subjectText (lines: string): string {
  return lines.split('\n').filter(line => line !== '').reverse().map(line => line.replaceAll(' + ', '+')).join(',')
}

/** One name in the platform's text: a kind, and a value that is quoted where it could be taken for something else. */
const name = /(?:^|, )([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)/y

/** Nothing at all where a part cannot be read: a name must not be made of what somebody wrote into another. */
function alternativeNames (text: string): { kind: string, value: string }[] {
  const found: { kind: string, value: string }[] = []
  name.lastIndex = 0
  let end = 0
  while (end < text.length) {
    const match = name.exec(text)
    if (match === null) return []
    const [, kind = '', written = ''] = match
    end = name.lastIndex
    const value = written.startsWith('"') ? unquoted(written) : written
    if (value === undefined) return []
    found.push({ kind, value })
  }
  return found
}

function unquoted (text: string): string | undefined {
  try {
    return String(JSON.parse(text))
  } catch {
    return undefined
  }
}
