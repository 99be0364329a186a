// The questions of `sluice init`: options answer them, then a person on a terminal, then defaults.

import { createInterface } from 'node:readline/promises'
import type { Answers, KafkaAnswers } from './init-config.ts'
import type { Terminal } from './terminal.ts'

export interface InitOptions {
  readonly output: string
  readonly force?: true
  readonly yes?: true
  readonly journal?: true
  readonly brokers?: string
  readonly tls?: true
  readonly tlsCa?: string
  readonly sasl?: string
  readonly username?: string
  readonly passwordEnv?: string
  readonly passwordFile?: string
  readonly topic?: string
  /** Undefined: neither --api-key nor --no-api-key was said. */
  readonly apiKey?: boolean
}

export interface Asked extends Omit<Answers, 'keyHash' | 'editorSchema'> {
  readonly wantsKey: boolean
  /** Where the password at Kafka is to be put, in words. */
  readonly passwordSource: string | undefined
}

/** Answers one question; an empty answer is the default. */
type Question = (text: string, standard: string) => Promise<string>

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
  const { brokers, tls, tlsCa, sasl, username, passwordEnv, passwordFile } = options
  const kafka = [brokers, tls, tlsCa, sasl, username, passwordEnv, passwordFile].some((option) => option !== undefined)
  if (options.journal === true && kafka) return '--journal means no Kafka: leave out its options'
  if (options.passwordEnv !== undefined && options.passwordFile !== undefined) return 'choose --password-env or --password-file'
  if (options.sasl === undefined && (options.username ?? options.passwordEnv ?? options.passwordFile) !== undefined) {
    return 'a user and password need --sasl MECHANISM'
  }
  return undefined
}

async function collect (options: InitOptions, question: Question, person: boolean): Promise<Asked | { usage: string }> {
  const brokers = options.journal === true
    ? journalWord
    : options.brokers ?? await question(brokersQuestion, person ? '127.0.0.1:9092' : '')
  if (brokers === '') return { usage: 'say where events go: --brokers HOST:PORT,... or --journal' }
  const sink = brokers === journalWord ? { kind: 'journal' as const } : await kafka(brokers, options, question)
  const topic = options.topic ?? await question('First topic', 'orders')
  const wantsKey = options.apiKey ?? isYes(await question('Must senders show an API key?', 'yes'))
  return { sink, topic, wantsKey, passwordSource: sourceOf(sink, options) }
}

async function kafka (brokers: string, options: InitOptions, question: Question): Promise<KafkaAnswers> {
  const named = options.tlsCa ?? options.tls
  const tls = named ?? tlsOf(await question('TLS to Kafka? (yes, no, or the PEM file of its authorities)', 'no'))
  const mechanism = options.sasl ?? await question('Log in at Kafka? (no, plain, scram-sha-256, scram-sha-512)', 'no')
  const list = brokers.split(',').map((broker) => broker.trim()).filter((broker) => broker !== '')
  if (mechanism === 'no') return { kind: 'kafka', brokers: list, tls, sasl: undefined }
  const username = options.username ?? await question('User at Kafka', 'sluice')
  return { kind: 'kafka', brokers: list, tls, sasl: { mechanism, username, password: passwordOf(options) } }
}

function passwordOf ({ passwordEnv = 'KAFKA_PASSWORD', passwordFile }: InitOptions): string {
  return passwordFile === undefined ? `\${env:${passwordEnv}}` : `\${file:${passwordFile}}`
}

function sourceOf (sink: Asked['sink'], { passwordEnv = 'KAFKA_PASSWORD', passwordFile }: InitOptions): string | undefined {
  if (sink.kind !== 'kafka' || sink.sasl === undefined) return undefined
  return passwordFile === undefined ? `environment variable ${passwordEnv}` : `file ${passwordFile}`
}

function tlsOf (answer: string): boolean | string {
  if (isYes(answer)) return true
  return answer === 'no' || answer === 'n' ? false : answer
}

function isYes (answer: string): boolean {
  return ['y', 'yes', 'true'].includes(answer.toLowerCase())
}
