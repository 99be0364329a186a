// What became of a sent event, for people, and as an exit code.

import { recordAt, textAt } from '../config/lookup.ts'
import { exitCodes } from './exit-codes.ts'
import { visibleLine } from './terminal.ts'
import type { Colors } from './terminal.ts'

/** The last two are all that MQTT can say: at QoS 1 and 2 that a PUBACK or PUBREC came, at QoS 0 nothing. */
const successes = new Set(['written', 'received', 'acknowledged', 'sent'])

export function exitCodeOf (result: unknown): number {
  const outcome = textAt(result, 'outcome') ?? ''
  if (successes.has(outcome) || textAt(result, 'message') === 'message sent') return exitCodes.ok.code
  return outcome === 'unknown' ? exitCodes.unknown.code : exitCodes.failure.code
}

/** Of many events: refused counts more than unknown, because it is certain. */
export function worstOf (one: number, other: number): number {
  const ranks = [exitCodes.ok.code, exitCodes.unknown.code, exitCodes.failure.code] as readonly number[]
  return ranks.indexOf(one) >= ranks.indexOf(other) ? one : other
}

/** One line for a receipt; a refusal says why and what to do. */
export function renderResult (result: unknown, color: Colors): string {
  const { ack, topic, partition, offset, journal, id, index, code, retryable, pointer, channel, qos } = recordAt(result)
  const show = (value: unknown): string => visibleLine(String(value))
  const line = index === undefined ? '' : `line ${Number(index) + 1}: `
  if (exitCodeOf(result) === exitCodes.ok.code) {
    if (qos !== undefined) {
      const known = id === undefined ? '' : `id ${show(id)}, `
      return `${line}${color.green(show(recordAt(result).outcome))} ${show(channel)}  ${color.dim(`${known}qos ${show(qos)}`)}`
    }
    const where = journal === undefined
      ? [topic, partition === undefined ? undefined : `partition ${show(partition)}`,
          offset === undefined ? undefined : `offset ${show(offset)}`]
      : [`journal ${show(journal)}`]
    const place = where.filter((part) => part !== undefined).map(show).join(' ')
    const outcome = textAt(result, 'outcome') === 'received' ? 'received' : 'written'
    return `${line}${color.green(outcome)} ${place}  ${color.dim(`id ${show(id)}, ack ${show(ack)}`)}`
  }
  const outcome = textAt(result, 'outcome') ?? 'refused'
  const detail = textAt(result, 'detail') ?? ''
  const at = pointer === undefined ? '' : ` at ${show(pointer)}`
  const again = outcome === 'unknown'
    ? 'it may have been written: send it again with the same id'
    : retryable === true ? 'sending it again later can work' : 'sending it again changes nothing'
  const named = code === undefined ? '' : ` ${show(code)}`
  return `${line}${color.red(outcome)}${named}${at}: ${visibleLine(detail)}\n  ${color.dim(again)}`
}
