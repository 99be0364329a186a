// Where a request's channel comes from: the path after /v1/events/, or a path that a route gave itself (an alias).

import type { RouteView } from '../../src/contract/adapter.ts'
import { decodeChannel, parseChannel } from '../../src/contract/channel.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { AliasSettings } from './config.ts'

/** The channel that a request's path names, taken from the path as sent: percent encoding is decoded exactly once. */
export type ChannelOf = (rawPath: string) => string | Refusal

export interface Alias {
  readonly path: string
  readonly methods: readonly string[]
  /** The same path in the syntax of the router. */
  readonly routerPath: string
  readonly channelOf: ChannelOf
  /** True where the answer has to begin as Kong's does. */
  readonly kong: boolean
  readonly routeName: string
  readonly format: string
}

const parameterLevel = /^\{([a-zA-Z][a-zA-Z0-9_]*)(\*?)\}$/

/** The path of a request target, without query and fragment, and without the authority of an absolute one. */
export function rawPathOf (target: string): string {
  let path = target
  if (path.charCodeAt(0) !== 0x2f) path = path.replace(/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*/, '')
  const query = path.indexOf('?')
  if (query >= 0) path = path.slice(0, query)
  const fragment = path.indexOf('#')
  return fragment >= 0 ? path.slice(0, fragment) : path
}

/** The channel of /v1/events/{channel}: everything behind the third slash. */
export function eventsChannel (rawPath: string): string | Refusal {
  return decodeChannel(rawPath.slice(levelStart(rawPath, 2)))
}

/** The alias of a route, undefined where it has none. Throws an Error that says what the operator has to change. */
export function compileAlias (route: RouteView): Alias | undefined {
  const settings = route.own['http'] as AliasSettings | undefined
  if (settings === undefined) return undefined
  const { path, methods = ['POST'] } = settings
  const wrong = (what: string): Error => new Error(`route ${route.name}: http.path ${path} ${what}`)
  if (path.startsWith('/v1/') || path === '/openapi.json') throw wrong('belongs to the door itself; choose another')
  const levels = path.slice(1).split('/')
  const parameters = route.channel.split('/').flatMap(level => parameterLevel.exec(level)?.slice(1, 3).join('') ?? [])
  const inPath = levels.flatMap(level => parameterLevel.exec(level)?.slice(1, 3).join('') ?? [])
  const missing = parameters.find(name => !inPath.includes(name))
  if (missing !== undefined) throw wrong(`needs {${missing}}, which stands in the channel ${route.channel}`)
  const extra = inPath.find((name, at) => !parameters.includes(name) || inPath.indexOf(name) !== at)
  if (extra !== undefined) throw wrong(`has {${extra}}, which is not one parameter of the channel ${route.channel}`)
  if (inPath.slice(0, -1).some(name => name.endsWith('*')) || levels.slice(0, -1).some(level => level.endsWith('*}'))) {
    throw wrong('has a {parameter*} that does not stand last')
  }
  const routerPath = '/' + levels.map(level => level.replace(/^\{(\w+)\}$/, ':$1').replace(/^\{\w+\*\}$/, '*')).join('/')
  return {
    path, methods, routerPath, kong: route.format === 'kong', routeName: route.name, format: route.format,
    channelOf: inPath.length === 0 ? constantChannel(route) : filledChannel(route.channel, levels)
  }
}

function constantChannel (route: RouteView): ChannelOf {
  const channel = parseChannel(route.channel)
  if (isRefusal(channel)) throw new Error(`route ${route.name}: channel ${route.channel}: ${channel.detail}`)
  return () => channel
}

/** Puts the raw levels of the path in the places of the channel's parameters, then decodes the whole. */
function filledChannel (channel: string, pathLevels: readonly string[]): ChannelOf {
  const parts = channel.split('/').map(level => parameterLevel.test(level) ? pathLevels.indexOf(level) : level)
  const rest = pathLevels.findIndex(level => level.endsWith('*}'))
  return rawPath => {
    const levels = rawPath.slice(1).split('/')
    // An encoded slash would make two levels of one, and so reach a channel that this path does not stand for.
    if (/%2f/i.test(rawPath)) return refuse('malformed', 'the path holds an encoded slash (%2F); leave it out')
    return decodeChannel(parts.map(part => {
      if (typeof part === 'string') return part
      return part === rest ? levels.slice(rest).join('/') : levels[part] ?? ''
    }).join('/'))
  }
}

/** Where the level number `level` of a path begins, counted from 0. */
function levelStart (path: string, level: number): number {
  let at = 1
  for (let passed = 0; passed < level; passed++) {
    const slash = path.indexOf('/', at)
    if (slash < 0) return path.length
    at = slash + 1
  }
  return at
}
