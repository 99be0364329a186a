// sluice send over MQTT: one event, or every line of stdin as one, and what became of each.

import { createInterface } from 'node:readline'
import { textAt } from '../config/lookup.ts'
import { parseChannel } from '../contract/channel.ts'
import { retryable } from '../contract/outcome.ts'
import { exitCodes } from './exit-codes.ts'
import { MqttPublisher } from './mqtt-publisher.ts'
import type { MqttAnswer, MqttMessage, MqttTarget } from './mqtt-publisher.ts'
import { exitCodeOf, renderResult, worstOf } from './send-result.ts'
import type { Cli } from './verb.ts'

export interface MqttSending {
  readonly target: MqttTarget
  /** Its data is absent: each line of stdin is the data of one event. */
  readonly message: Omit<MqttMessage, 'data'> & { readonly data: string | undefined }
  /** Print each result as one line of JSON. */
  readonly json: boolean
}

/** Resolves with an exit code. Rejects with what the network said before anything was sent. */
export async function sendMqtt ({ target, message, json }: MqttSending, cli: Cli): Promise<number> {
  const { terminal } = cli
  const show = async (answer: MqttAnswer): Promise<number> => {
    await terminal.print(json ? JSON.stringify(answer) : renderResult(answer, terminal.color))
    return exitCodeOf(answer)
  }
  // A topic that MQTT forbids ends the connection without an answer to the message, so it is not sent.
  const channel = parseChannel(message.channel)
  if (typeof channel !== 'string') return show({ channel: message.channel, retryable: retryable(channel.code), ...channel })
  const publisher = await MqttPublisher.connect(target)
  if (!(publisher instanceof MqttPublisher)) return show(publisher)
  try {
    const { data } = message
    return data === undefined
      ? await sendLines({ publisher, message, json }, cli)
      : await show(await publisher.publish({ ...message, data }))
  } finally {
    await publisher.close()
  }
}

interface Lines {
  readonly publisher: MqttPublisher
  readonly message: Omit<MqttMessage, 'data'>
  readonly json: boolean
}

async function sendLines ({ publisher, message, json }: Lines, { terminal }: Cli): Promise<number> {
  let worst: number = exitCodes.ok.code
  let index = 0
  const counts = new Map<string, number>()
  const underWay = new Set<Promise<void>>()
  const told = async (answer: MqttAnswer): Promise<void> => {
    const outcome = textAt(answer, 'outcome') ?? 'unknown'
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    worst = worstOf(worst, exitCodeOf(answer))
    if (json) await terminal.print(JSON.stringify(answer))
    else if (exitCodeOf(answer) !== exitCodes.ok.code) await terminal.print(renderResult(answer, terminal.color))
  }
  for await (const data of createInterface({ input: terminal.stdin, crlfDelay: Infinity })) {
    if (data.trim() === '') continue
    if (underWay.size >= publisher.windowCount) await Promise.race(underWay)
    if (publisher.isGone) {
      terminal.tell(`the connection is gone: nothing was sent from line ${index + 1} on`)
      worst = worstOf(worst, exitCodes.failure.code)
      break
    }
    const line = { index: index++ }
    const one = publisher.publish({ ...message, data }).then(async answer => { await told({ ...line, ...answer }) })
    underWay.add(one)
    void one.finally(() => underWay.delete(one))
  }
  await Promise.all(underWay)
  const summary = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  terminal.tell(summary === '' ? 'no lines were sent' : summary)
  return worst
}
