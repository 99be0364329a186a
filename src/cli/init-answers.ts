// The questions of `sluice init`: options answer them, then a person on a terminal, then defaults.

import { createInterface } from 'node:readline/promises'
import type { Answers, KafkaAnswers } from './init-config.ts'
import { askLogin, loginContradiction, mechanisms, saysLogin, sendsTokens } from './init-login.ts'
import type { LoginOptions, Question } from './init-login.ts'
import type { Terminal } from './terminal.ts'

export interface InitOptions extends LoginOptions {
  readonly output: string
  readonly force?: true
  readonly yes?: true
  readonly journal?: true
  readonly brokers?: string
  readonly tls?: true
  readonly tlsCa?: string
  readonly topic?: string
  /** Undefined: neither --api-key nor --no-api-key was said. */
  readonly apiKey?: boolean
}

export interface Asked extends Omit<Answers, 'keyHash' | 'editorSchema'> {
  readonly wantsKey: boolean
}

const journalWord = 'none'
const brokersQuestion = `Kafka brokers, host:port with commas between (${journalWord}: keep events on this machine)`

/** `usage` says which answer is missing or contradicts another one. */
export async function ask (options: InitOptions, terminal: Terminal): Promise<Asked | { readonly usage: string }> {
  const contradiction = contradictionIn(options)
  if (contradiction !== undefined) return { usage: contradiction }
  const person = options.yes !== true && terminal.stdin.isTTY === true && terminal.interactive
  if (!person) return collect(options, (_, standard) => Promise.resolve(standard), false)
  const lines = createInterface({ input: terminal.stdin, output: process.stdout })
  try {
    return await collect(options, async (text, standard) => {
      const answer = (await lines.question(`${text} [${standard}] `)).trim()
      return answer === '' ? standard : answer
    }, true)
  } finally {
    lines.close()
  }
}

function contradictionIn (options: InitOptions): string | undefined {
  const { brokers, tls, tlsCa } = options
  const kafka = [brokers, tls, tlsCa].some((option) => option !== undefined) || saysLogin(options)
  if (options.journal === true && kafka) return '--journal means no Kafka: leave out its options'
  return loginContradiction(options)
}

async function collect (options: InitOptions, question: Question, person: boolean): Promise<Asked | { usage: string }> {
  const brokers = options.journal === true
    ? journalWord
    : options.brokers ?? await question(brokersQuestion, person ? '127.0.0.1:9092' : '')
  if (brokers === '') return { usage: 'say where events go: --brokers HOST:PORT,... or --journal' }
  const sink = brokers === journalWord ? { kind: 'journal' as const } : await kafka(brokers, options, question)
  if ('usage' in sink) return sink
  const topic = options.topic ?? await question('First topic', 'orders')
  const wantsKey = options.apiKey ?? isYes(await question('Must senders show an API key?', 'yes'))
  return { sink, topic, wantsKey }
}

async function kafka (
  brokers: string, options: InitOptions, question: Question
): Promise<KafkaAnswers | { readonly usage: string }> {
  const mechanism = options.sasl ?? await question(`Log in at Kafka? (no, ${mechanisms.join(', ')})`, 'no')
  const sasl = mechanism === 'no' ? undefined : await askLogin(mechanism, options, question)
  if (sasl !== undefined && 'usage' in sasl) return sasl
  const named = options.tlsCa ?? options.tls
  const tlsQuestion = 'TLS to Kafka? (yes, no, or the PEM file of its authorities)'
  const tls = named ?? tlsOf(await question(tlsQuestion, sendsTokens(mechanism) ? 'yes' : 'no'))
  const list = brokers.split(',').map((broker) => broker.trim()).filter((broker) => broker !== '')
  return { kind: 'kafka', brokers: list, tls, sasl }
}

function tlsOf (answer: string): boolean | string {
  if (isYes(answer)) return true
  return answer === 'no' || answer === 'n' ? false : answer
}

function isYes (answer: string): boolean {
  return ['y', 'yes', 'true'].includes(answer.toLowerCase())
}
