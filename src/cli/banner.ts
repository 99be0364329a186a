// What `sluice start` prints once it listens: where, a line to paste, where events go, how to read them back.

import { at, listAt, recordAt, textAt } from '../config/lookup.ts'
import { compilePointer } from '../contract/json-pointer.ts'
import type { Origin } from '../settings.ts'
import { listenerAddress } from './listener-address.ts'
import type { ListenerAddress } from './listener-address.ts'
import { commandLine } from './program.ts'
import { visibleLine } from './terminal.ts'
import type { Colors } from './terminal.ts'

export interface BannerFacts {
  readonly origin: Origin
  /** The config as `-c` named it; undefined where verbs find it by themselves. */
  readonly configPath: string | undefined
  readonly listening: readonly ListenerAddress[]
  readonly color: Colors
}

/** Several lines, without a line feed at the end. Holds no secret of the config. */
export function renderBanner ({ origin, configPath, listening, color }: BannerFacts): string {
  const { document } = origin
  const lines = listening.map((address) => `${color.bold(`${address.protocol} listens on`)} ${reachable(address)}`)
  const http = listening.find(({ protocol }) => protocol === 'http')
  if (http !== undefined) lines.push('', ...example(document, http))
  lines.push('', ...destination(document, configPath))
  return lines.join('\n')
}

function reachable (address: ListenerAddress): string {
  const { host } = address
  return listenerAddress({ ...address, host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host })
}

function example (document: unknown, http: ListenerAddress): string[] {
  const header = textAt(document, 'authentication', 0, 'auth-api-key', 'header')
  const parts = [
    `curl -i ${reachable(http)}/v1/events/${exampleChannel(document)}`,
    ...(http.secure ? ['--cacert CA.pem'] : []),
    ...(header === undefined ? [] : [`-H "${header}: $SLUICE_API_KEY"`]),
    '-H \'content-type: application/json\'',
    `-d ${shellQuoted(exampleData(document))}`
  ]
  const notes = [
    ...(header === undefined ? [] : ['SLUICE_API_KEY holds the key of a principal']),
    ...patternsOf(document, exampleRoute(document)).map(([name, pattern]) =>
      visibleLine(`in place of ${name.toUpperCase()} something that ${pattern} takes`))
  ]
  return [`Send an event${notes.length === 0 ? '' : ` (${notes.join('; ')})`}:`, `  ${parts.join(' ')}`]
}

/** The first route whose channel can be made up, else the first. */
function exampleRoute (document: unknown): number {
  const routes = listAt(document, 'routes')
  return Math.max(0, routes.findIndex((_, route) => patternsOf(document, route).length === 0))
}

/** Parameters of a route that take no value which could be guessed: name and pattern. */
function patternsOf (document: unknown, route: number): [string, string][] {
  return Object.entries(recordAt(document, 'routes', route, 'parameters')).flatMap(([name, parameter]) => {
    const pattern = textAt(parameter, 'pattern')
    return pattern === undefined || listAt(parameter, 'enum').length > 0 ? [] : [[name, pattern] as [string, string]]
  })
}

/** JSON that has what the key of the route points to. */
function exampleData (document: unknown): string {
  const pointer = textAt(document, 'routes', exampleRoute(document), 'key', 'pointer')
  const steps = pointer === undefined ? [] : compilePointer(pointer)?.steps ?? []
  const data = steps.reduceRight<unknown>((inner, { name }) => ({ [name]: inner }), 'world')
  return JSON.stringify(steps.length === 0 ? { hello: data } : data)
}

function shellQuoted (text: string): string {
  return `'${visibleLine(text).replaceAll('\'', '\'\\\'\'')}'`
}

/** A channel that the route takes, if it can be guessed. */
function exampleChannel (document: unknown): string {
  const route = exampleRoute(document)
  const pattern = textAt(document, 'routes', route, 'channel') ?? 'orders'
  const channel = pattern.replaceAll(/\{([^}*]*)(\*?)\}/g, (_, name: string, rest: string) => {
    const value = textAt(document, 'routes', route, 'parameters', name, 'enum', 0)
    return value ?? (rest === '' ? name.toUpperCase() : 'orders/eu')
  })
  // Pasted into a shell: nothing but plain characters may be left.
  return channel.split('/').map((level) => encodeURIComponent(level).replace(/[!'()*~]/g, '_')).join('/')
}

function destination (document: unknown, configPath: string | undefined): string[] {
  const tail = `  ${commandLine('tail')}${configPath === undefined ? '' : ` -c ${shellQuoted(configPath)}`}`
  if (at(document, 'sink') === 'journal') {
    const { dir } = recordAt(document, 'journal')
    return [
      `Events are kept in the journal in ${visibleLine(String(dir))}. Read them back:`, tail,
      '', 'Send them to Kafka instead: write a config for it, then start with that:', `  ${commandLine('init')}`
    ]
  }
  const brokers = listAt(document, 'kafka', 'brokers').join(', ')
  return [`Events go to Kafka at ${visibleLine(brokers)}. Read them back:`, `${tail} --topic ${exampleTopic(document)}`]
}

function exampleTopic (document: unknown): string {
  const route = exampleRoute(document)
  const template = textAt(document, 'routes', route, 'topic') ?? 'TOPIC'
  return visibleLine(template.replaceAll(/\{([^}*]*)\*?\}/g, (_, name: string) =>
    textAt(document, 'routes', route, 'parameters', name, 'enum', 0) ?? name.toUpperCase()))
}
