// The shape of a traceparent header (W3C Trace Context section 3.2): a malformed one is ignored, never a refusal.

const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/
const stateBytesMax = 512

/** The value where it is one to pass on, else undefined. */
export function readTraceparent (value: string | undefined): string | undefined {
  if (value === undefined || value.length < 55 || value.length > 512) return undefined
  const parts = shape.exec(value)
  if (parts === null) return undefined
  const [, version, trace, span, rest] = parts
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  return /^0+$/.test(trace ?? '') || /^0+$/.test(span ?? '') ? undefined : value
}

/** The state beside a valid traceparent; above 512 characters it is dropped (section 3.3.1.5 asks for no more). */
export function readTracestate (value: string | undefined, traceparent: string | undefined): string | undefined {
  if (value === undefined || traceparent === undefined) return undefined
  return value.length > 0 && value.length <= stateBytesMax ? value : undefined
}
