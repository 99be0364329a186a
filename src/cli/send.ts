// sluice send: one event, or every line of stdin as one, to a gateway over HTTP or MQTT; tells what became of each.

import { randomUUID } from 'node:crypto'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { TextFileError, readTextFile } from '../config/text-file.ts'
import { textAt } from '../config/lookup.ts'
import { looksWhole } from './api-key.ts'
import { reasonOf } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { exitCodeOf, renderResult, worstOf } from './send-result.ts'
import { sendMqtt } from './send-mqtt.ts'
import type { MqttSending } from './send-mqtt.ts'
import { call, readAll, readLines } from './http-call.ts'
import type { Call } from './http-call.ts'
import type { Cli } from './verb.ts'

interface SendOptions {
  readonly url: string
  readonly json?: true
  readonly key?: string
  readonly keyFile?: string
  readonly keyHeader?: string
  readonly user?: string
  readonly qos?: 0 | 1 | 2
  readonly cacert?: string
  readonly type?: string
  readonly source?: string
  readonly id?: string
  readonly timeout: number
}

/** A command line that cannot be carried out. */
class Unusable extends Error {
  readonly exitCode: number
  constructor (message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

export function addSend (program: Command, cli: Cli): void {
  program.command('send')
    .description('send one event, or each line of stdin as one, to a gateway')
    .argument('<channel>', 'the channel, e.g. orders/eu')
    .argument('[data]', 'the data of one event; left out, each line of stdin is the data of one')
    .option('--url <url>', 'the gateway: http, https, mqtt or mqtts', 'http://127.0.0.1:8080')
    .option('--key-file <file>', 'a file with the API key (or set SLUICE_API_KEY)')
    .option('--key <key>', 'the API key itself; other users of this machine can see it')
    .option('--key-header <name>', 'the header that carries the key over HTTP (default: "x-api-key")')
    .option('--user <name>', 'the user name whose password the key is, over MQTT')
    .option('--qos <level>', 'MQTT 5 with this QoS: 0 (no answer), 1 or 2 (default: 1)', qosOf)
    .option('--cacert <file>', 'PEM file of the authorities to trust')
    .option('--type <type>', 'send a CloudEvent of this type')
    .option('--source <uri>', 'send a CloudEvent from this source')
    .option('--id <id>', 'send a CloudEvent with this id')
    .option('--timeout <seconds>', 'how long to wait for an answer', secondsOf, 30)
    .option('--json', 'print each result as one line of JSON')
    .addHelpText('after', `
Example:
  sluice send orders/eu '{"customerId":"c1"}'
  sluice send orders/eu --key-file ./key < events.ndjson
  sluice send orders/eu '{"customerId":"c1"}' --url mqtt://127.0.0.1:1883`)
    .action((channel: string, data: string | undefined, options: SendOptions) => send({ channel, data, options, cli }))
}

function secondsOf (text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds <= 3_600)) throw new InvalidArgumentError('Seconds are a number above 0, at most 3600.')
  return seconds
}

function qosOf (text: string): number {
  if (!/^[012]$/.test(text)) throw new InvalidArgumentError('QoS is 0, 1 or 2.')
  return Number(text)
}

interface Sending {
  readonly channel: string
  readonly data: string | undefined
  readonly options: SendOptions
  readonly cli: Cli
}

async function send (sending: Sending): Promise<void> {
  const { options, cli } = sending
  try {
    const key = findKey(options, cli)
    checkData(sending)
    if (/^mqtts?:/.test(options.url)) {
      cli.exitCode = await sendMqtt(prepareMqtt(sending, key), cli)
      return
    }
    const one = prepare(sending, key)
    cli.exitCode = sending.data === undefined ? await sendLines(one, cli, options) : await sendOne(one, cli, options)
  } catch (error) {
    cli.exitCode = error instanceof Unusable ? error.exitCode : exitCodes.io.code
    cli.terminal.tell(error instanceof Unusable ? error.message : `cannot send to ${options.url}: ${reasonOf(error)}`)
  }
}

function findKey (options: SendOptions, { terminal }: Cli): string | undefined {
  if (options.key !== undefined) {
    terminal.tell('a key on the command line is visible to other users of this machine: use SLUICE_API_KEY or --key-file')
  }
  const key = options.key ?? keyFrom(options.keyFile) ?? terminal.env.SLUICE_API_KEY
  if (key?.startsWith('sluice_') === true && !looksWhole(key)) {
    terminal.tell('this key is damaged: a character was lost or changed')
  }
  return key
}

function keyFrom (path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    return readTextFile(path).trim()
  } catch (error) {
    const reason = error instanceof TextFileError ? error.message : reasonOf(error)
    throw new Unusable(`cannot read the key in ${path}: ${reason}`, exitCodes.io.code)
  }
}

function isContextual ({ type, source, id }: SendOptions): boolean {
  return type !== undefined || source !== undefined || id !== undefined
}

function checkData ({ data, options, cli }: Sending): void {
  if (data === undefined && cli.terminal.stdin.isTTY === true) {
    throw new Unusable('there is no data: give it after the channel, or pipe lines in', exitCodes.usage.code)
  }
  if (data === undefined && isContextual(options)) {
    throw new Unusable('--type, --source and --id describe one event: give its data after the channel', exitCodes.usage.code)
  }
}

function prepare ({ channel, data, options, cli }: Sending, key: string | undefined): Call {
  if (options.user !== undefined || options.qos !== undefined) {
    throw new Unusable('--user and --qos are for MQTT: name an mqtt or mqtts address with --url', exitCodes.usage.code)
  }
  const headers: Record<string, string> = {
    'content-type': data === undefined ? 'application/x-ndjson' : isJson(data) ? 'application/json' : 'text/plain',
    ...(key === undefined ? {} : { [options.keyHeader ?? 'x-api-key']: key }),
    ...(isContextual(options) ? contextHeaders(options) : {})
  }
  return {
    method: 'POST', url: addressOf(options.url, channel), headers, body: data ?? cli.terminal.stdin, caFile: options.cacert,
    timeoutMs: options.timeout * 1_000
  }
}

function prepareMqtt ({ channel, data, options }: Sending, key: string | undefined): MqttSending {
  const { url, keyHeader, user, cacert, timeout, qos = 1, json = false } = options
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || parsed.hostname === '' || !/^\/?$/.test(parsed.pathname)) {
    throw new Unusable('--url of MQTT is mqtt://HOST:PORT or mqtts://HOST:PORT', exitCodes.usage.code)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new Unusable('--url has no place for a password: use --user, and SLUICE_API_KEY or --key-file', exitCodes.usage.code)
  }
  if (keyHeader !== undefined) throw new Unusable('--key-header is for HTTP: over MQTT the key is the password', exitCodes.usage.code)
  if (user !== undefined && key === undefined) throw new Unusable('--user needs a key, which is its password', exitCodes.usage.code)
  const isText = data !== undefined && !isJson(data)
  return {
    target: { url, key, userName: user, caFile: cacert, timeoutMs: timeout * 1_000, qos }, json,
    message: {
      channel, data, contentType: isText ? 'text/plain' : 'application/json',
      context: isContextual(options) ? { specversion: '1.0', ...contextOf(options) } : undefined
    }
  }
}

/** What was not said gets a value, because a CloudEvent has all three. */
function contextOf ({ type, source, id }: SendOptions): { type: string, source: string, id: string } {
  return { type: type ?? 'sluice.event', source: source ?? '/sluice/send', id: id ?? randomUUID() }
}

/** CloudEvents HTTP binding 1.0, binary mode. */
function contextHeaders (options: SendOptions): Record<string, string> {
  const encode = (text: string): string => encodeURI(text).replaceAll('%25', '%')
  const { type, source, id } = contextOf(options)
  return { 'ce-specversion': '1.0', 'ce-type': encode(type), 'ce-source': encode(source), 'ce-id': encode(id) }
}

function addressOf (base: string, channel: string): URL {
  const path = channel.split('/').map(encodeURIComponent).join('/')
  if (!URL.canParse(base) || !/^https?:/.test(base)) {
    throw new Unusable(`--url is no http, https, mqtt or mqtts address: ${base}`, exitCodes.usage.code)
  }
  return new URL(`${base.replace(/\/+$/, '')}/v1/events/${path}`)
}

function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function sendOne (one: Call, { terminal }: Cli, { json }: SendOptions): Promise<number> {
  const answer = await call(one)
  const text = await readAll(answer)
  const result = parse(text)
  if (result === undefined) {
    terminal.tell(`the answer is not one of a gateway: status ${answer.statusCode}`)
    return exitCodes.failure.code
  }
  await terminal.print(json === true ? JSON.stringify(result) : renderResult(result, terminal.color))
  return exitCodeOf(result)
}

async function sendLines (one: Call, { terminal }: Cli, { json }: SendOptions): Promise<number> {
  const answer = await call(one)
  if (answer.statusCode !== 200) {
    const result = parse(await readAll(answer)) ?? {}
    await terminal.print(json === true ? JSON.stringify(result) : renderResult(result, terminal.color))
    return exitCodeOf(result)
  }
  let worst: number = exitCodes.ok.code
  const counts = new Map<string, number>()
  for await (const line of readLines(answer)) {
    const result = parse(line)
    if (result === undefined) continue
    worst = worstOf(worst, exitCodeOf(result))
    const outcome = textAt(result, 'outcome') ?? 'unknown'
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    if (json === true) await terminal.print(JSON.stringify(result))
    else if (outcome !== 'written') await terminal.print(renderResult(result, terminal.color))
  }
  const summary = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  terminal.tell(summary === '' ? 'no lines were sent' : summary)
  return worst
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
