// What tail asks of a source of events, and one event as lines for a person or as JSON for a program.

import { visible, visibleLine } from './terminal.ts'
import type { Colors } from './terminal.ts'

export interface TailEvent {
  readonly topic: string
  /** Where it stands: `partition 3 offset 12`, or `journal 1:64`. */
  readonly place: Readonly<Record<string, string | number>>
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
}

/** What both sources of events take. */
export interface TailPlan {
  /** How many events that are there already are shown; Infinity: all. */
  readonly countMax: number
  readonly follow: boolean
  /** Only this topic; undefined: all, which only the journal can. */
  readonly topic: string | undefined
  readonly signal: AbortSignal
  /** Something the operator should know, e.g. damage. */
  readonly warn: (text: string) => void
}

/** `value` and `key` are text where they are UTF-8, else `valueBase64` and `keyBase64`. */
export function eventAsJson (event: TailEvent): Record<string, unknown> {
  const { topic, place, timestampMs, key, value, headers } = event
  return {
    topic, ...place, time: timeOf(timestampMs), ...asText('key', key),
    headers: headers.map(([name, header]) => ({ name, ...asText('value', header) })), ...asText('value', value)
  }
}

function asText (name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const text = textOf(bytes)
  return text === undefined ? { [`${name}Base64`]: bytes.toString('base64') } : { [name]: text }
}

function textOf (bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function timeOf (timestampMs: number): string {
  const date = new Date(timestampMs)
  return Number.isNaN(date.getTime()) ? `${timestampMs}` : date.toISOString()
}

const shownCharsMax = 10_000

/** Several lines: where and when, the key and headers, the data. Nothing in it moves a terminal. */
export function renderEvent (event: TailEvent, color: Colors): string {
  const place = Object.entries(event.place).map(([name, value]) => `${name} ${visibleLine(String(value))}`).join(' ')
  const lines = [`${color.bold(visibleLine(event.topic))}  ${place}  ${color.dim(timeOf(event.timestampMs))}`]
  if (event.key !== null) lines.push(color.dim(`  key ${shown(event.key)}`))
  for (const [name, value] of event.headers) lines.push(color.dim(`  ${visibleLine(name)}: ${shown(value)}`))
  lines.push(event.value === null ? color.dim('  (no data)') : indented(event.value))
  return lines.join('\n')
}

function shown (bytes: Buffer): string {
  const text = textOf(bytes)
  return visibleLine(text ?? `base64 ${bytes.toString('base64')}`)
}

function indented (bytes: Buffer): string {
  const text = textOf(bytes) ?? `base64 ${bytes.toString('base64')}`
  const cut = text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}... (${bytes.length} bytes)` : text
  return visible(cut).split('\n').map((line) => `  ${line}`).join('\n')
}
