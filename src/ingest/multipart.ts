// Reads the fields of a multipart/form-data body (RFC 7578) that is whole in memory, for the kong record format.

import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

/** More parts than this are refused. */
const partsMax = 1_000

function boundaryOf (contentType: string): string | undefined {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?=[\s;]|$))/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

/** Name and text of every part in order, or a refusal `malformed`. */
export function multipartFields (contentType: string, body: Buffer): [string, string][] | Refusal {
  const broken = (what: string): Refusal => refuse('malformed', `the multipart body ${what}`)
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) return broken('has no boundary in its content type')
  const delimiter = Buffer.from(`--${boundary}`)
  const fields: [string, string][] = []
  let at = body.indexOf(delimiter)
  if (at === -1) return broken('does not hold its boundary')
  while (true) {
    at += delimiter.length
    if (body.subarray(at, at + 2).toString('latin1') === '--') return fields
    const lineEnd = body.indexOf('\r\n', at)
    const next = body.indexOf(`\r\n--${boundary}`, at)
    if (lineEnd === -1 || next === -1) return broken('ends before its last boundary')
    const headEnd = body.indexOf('\r\n\r\n', at)
    if (headEnd === -1 || headEnd > next) return broken('has a part without a header')
    const head = body.subarray(lineEnd + 2, headEnd).toString('utf8')
    const name = /^content-disposition:[^\r\n]*?;\s*name="([^"]*)"/im.exec(head)?.[1]
    if (name === undefined) return broken('has a part without a name')
    if (fields.length === partsMax) return broken(`has more than ${partsMax} parts`)
    fields.push([name, body.subarray(headEnd + 4, Math.max(headEnd + 4, next)).toString('utf8')])
    at = next + 2
  }
}
