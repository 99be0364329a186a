// Properties to bytes, and which of them may be left out where the other side takes only small packets.

import { propertyShapes } from './properties.ts'
import type { Properties, PropertyForm, PropertyName, UserProperty } from './properties.ts'

const fieldBytesMax = 0xffff

/** Two bytes of length, and the bytes. Longer than a field may be is a bug of the caller. */
export function fieldOf (value: string | Buffer): Buffer {
  const bytesCount = Buffer.byteLength(value)
  if (bytesCount > fieldBytesMax) throw new RangeError(`a field of ${bytesCount} bytes cannot be written`)
  const field = Buffer.allocUnsafe(2 + bytesCount)
  field.writeUInt16BE(bytesCount, 0)
  if (typeof value === 'string') field.write(value, 2, 'utf8')
  else value.copy(field, 2)
  return field
}

/** Section 1.5.5 of MQTT 5, and the Remaining Length of both versions: as few bytes as can be (MQTT-1.5.5-1). */
export function variableByteInteger (value: number): Buffer {
  const octets: number[] = []
  let left = value
  do {
    octets.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>>= 7
  } while (left > 0)
  if (octets.length > 4) throw new RangeError(`${value} is too large for a Variable Byte Integer`)
  return Buffer.from(octets)
}

function number (value: number, bytesCount: number): Buffer {
  const octets = Buffer.allocUnsafe(bytesCount)
  octets.writeUIntBE(value, 0, bytesCount)
  return octets
}

/** How a value is written; the table of properties says which form belongs to which name. */
const writers: Record<PropertyForm, (value: unknown) => Buffer> = {
  'flag': value => number(value as number, 1),
  'two-byte': value => number(value as number, 2),
  'four-byte': value => number(value as number, 4),
  'variable': value => variableByteInteger(value as number),
  'text': value => fieldOf(value as string),
  'topic': value => fieldOf(value as string),
  'binary': value => fieldOf(value as Buffer),
  'pair': value => Buffer.concat((value as UserProperty).map(fieldOf))
}

/** The Property Length and the properties, in the order of their identifiers; user properties keep theirs. */
export function writeProperties (properties: Properties): Buffer {
  const parts: Buffer[] = []
  for (const name of Object.keys(propertyShapes) as PropertyName[]) {
    const value = properties[name]
    if (value === undefined) continue
    const { id, form } = propertyShapes[name]
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const one of values) parts.push(Buffer.from([id]), writers[form](one))
  }
  const body = Buffer.concat(parts)
  return Buffer.concat([variableByteInteger(body.length), body])
}

/**
 * Leaves out what must not make a packet larger than its receiver takes: first the Reason String, then the User
 * Properties (MQTT-3.2.2-19, -20 and the like). `bytesMax` is what is left for the properties.
 */
export function fittingProperties (properties: Properties, bytesMax: number): Buffer {
  const all = writeProperties(properties)
  if (all.length <= bytesMax) return all
  const withoutReason = writeProperties({ ...properties, reasonString: undefined })
  if (withoutReason.length <= bytesMax) return withoutReason
  return writeProperties({ ...properties, reasonString: undefined, userProperties: undefined })
}
