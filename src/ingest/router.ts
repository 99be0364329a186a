// Channel -> route: patterns compiled to a tree of levels; the most specific wins and is remembered per channel.

import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { RouteSettings } from './config.ts'
import { compileTemplate, parsePattern } from './template.ts'
import type { PatternLevel, Template } from './template.ts'

/** What an operator did wrong; `path` is relative to the route, e.g. `topic`. */
export interface RouteMistake { readonly route: number, readonly path: string, readonly message: string }

/** A channel's route with everything that follows from the channel alone. */
export interface Match {
  readonly routeIndex: number
  readonly settings: RouteSettings
  readonly channel: string
  readonly levels: readonly string[]
  readonly topic: string
  /** Source and type for events that are not CloudEvents. */
  readonly source: string
  readonly type: string
  /** The key, where it follows from the channel. */
  readonly channelKey: Buffer | undefined
}

export interface Router {
  match (channel: string): Match | Refusal
  /** Channels remembered now. */
  readonly rememberedCount: () => number
}

interface Route {
  readonly index: number
  readonly settings: RouteSettings
  readonly pattern: readonly PatternLevel[]
  readonly topic: Template
  readonly source: Template
  readonly type: Template
  readonly key: Template | undefined
  readonly topics: Set<string>
}

interface Leaf { readonly route: Route, readonly rank: string }

interface Node {
  readonly literals: Map<string, Node>
  readonly patterns: { readonly test: RegExp, readonly source: string, readonly node: Node }[]
  any: Node | undefined
  rest: Leaf | undefined
  leaf: Leaf | undefined
}

/** Remembered channels; at this count all are forgotten. 255 bytes of channel each bound the memory to a few MiB. */
const rememberedMax = 10_000
const topicPattern = /^[a-zA-Z0-9._-]{1,249}$/

function newNode (): Node {
  return { literals: new Map(), patterns: [], any: undefined, rest: undefined, leaf: undefined }
}

/** True for a topic that a client may reach: a legal name that is not one of Kafka's own. */
export function isLegalTopic (topic: string): boolean {
  return topicPattern.test(topic) && !topic.startsWith('__') && topic !== '.' && topic !== '..'
}

function compileRoute (settings: RouteSettings, index: number, mistakes: RouteMistake[]): Route | undefined {
  const note = (path: string, message: string): undefined => { mistakes.push({ route: index, path, message }) }
  const pattern = parsePattern(settings.channel)
  if (typeof pattern === 'string') return note('channel', pattern)
  const template = (path: string, text: string): Template | undefined => {
    const compiled = compileTemplate(text, pattern)
    return typeof compiled === 'string' ? note(path, compiled) : compiled
  }
  for (const name of Object.keys(settings.parameters ?? {})) {
    if (!pattern.some(level => level.kind !== 'literal' && level.name === name)) {
      note(`parameters.${name}`, 'is no parameter of the channel')
    }
  }
  const topic = template('topic', settings.topic)
  const source = template('source', settings.source ?? `/${settings.channel}`)
  const type = template('type', settings.type)
  const keyText = settings.key?.template
  const key = keyText === undefined ? undefined : template('key.template', keyText)
  if (topic === undefined || source === undefined || type === undefined) return undefined
  if (topic.constant && !isLegalTopic(settings.topic)) {
    return note('topic', 'is no legal topic: letters, digits, ".", "_" and "-", at most 249, not starting with "__"')
  }
  return { index, settings, pattern, topic, source, type, key, topics: new Set() }
}

/** Where a level leads: one node for a literal or parameter, one per value for an enum. */
function step (nodes: Node[], level: PatternLevel, route: Route, note: (message: string) => void): Node[] {
  const constraint = level.kind === 'literal' ? undefined : route.settings.parameters?.[level.name]
  const literals = level.kind === 'literal' ? [level.text] : constraint?.enum
  const next: Node[] = []
  for (const node of nodes) {
    if (literals !== undefined) {
      for (const text of literals) {
        const child = node.literals.get(text) ?? newNode()
        node.literals.set(text, child)
        next.push(child)
      }
    } else if (constraint?.pattern !== undefined) {
      const source = `^(?:${constraint.pattern})$`
      const known = node.patterns.find(one => one.source === source)
      if (known === undefined && node.patterns.length > 0) {
        note('meets another pattern at the same level, so it is not clear which route wins; use an enum')
      }
      const child = known?.node ?? newNode()
      if (known === undefined) node.patterns.push({ test: new RegExp(source, 'u'), source, node: child })
      next.push(child)
    } else {
      node.any ??= newNode()
      next.push(node.any)
    }
  }
  return next
}

/** One digit per level, higher is more specific: literal 4, enum 3, pattern 2, any 1, rest 0. */
function rankOf (route: Route): string {
  return route.pattern.map(level => {
    if (level.kind === 'literal') return '4'
    if (level.kind === 'rest') return '0'
    const constraint = route.settings.parameters?.[level.name]
    return constraint?.enum !== undefined ? '3' : constraint?.pattern !== undefined ? '2' : '1'
  }).join('')
}

function plant (root: Node, route: Route, mistakes: RouteMistake[]): void {
  const note = (message: string): void => { mistakes.push({ route: route.index, path: 'channel', message }) }
  const rank = rankOf(route)
  let nodes = [root]
  const rest = route.pattern.at(-1)?.kind === 'rest'
  for (const level of rest ? route.pattern.slice(0, -1) : route.pattern) nodes = step(nodes, level, route, note)
  for (const node of nodes) {
    const standing = rest ? node.rest : node.leaf
    if (standing !== undefined && standing.rank === rank) {
      note(`takes the same channels as route "${standing.route.settings.name}"; make one more specific`)
      return
    }
    if (standing !== undefined && standing.rank > rank) continue
    if (rest) node.rest = { route, rank }
    else node.leaf = { route, rank }
  }
}

/** The most specific leaf for these levels: literals before patterns before any level before the rest. */
function find (node: Node, levels: readonly string[], at: number): Route | undefined {
  if (at === levels.length) return node.leaf?.route
  const level = levels[at] ?? ''
  const literal = node.literals.get(level)
  const byLiteral = literal === undefined ? undefined : find(literal, levels, at + 1)
  if (byLiteral !== undefined) return byLiteral
  for (const pattern of node.patterns) {
    const byPattern = pattern.test.test(level) ? find(pattern.node, levels, at + 1) : undefined
    if (byPattern !== undefined) return byPattern
  }
  const byAny = node.any === undefined ? undefined : find(node.any, levels, at + 1)
  return byAny ?? node.rest?.route
}

function matchOf (route: Route, channel: string, levels: readonly string[]): Match | Refusal {
  const { settings } = route
  const topic = route.topic.fill(levels, '.')
  if (!isLegalTopic(topic)) {
    return refuse('no-route', 'this channel does not give a legal topic; use letters, digits, ".", "_" and "-" in its levels')
  }
  if (!route.topics.has(topic)) {
    if (route.topics.size >= settings.topicsMax) {
      return refuse('no-route', 'this route already serves as many topics as its topicsMax allows')
    }
    route.topics.add(topic)
  }
  return {
    routeIndex: route.index,
    settings,
    channel,
    levels,
    topic,
    source: route.source.fill(levels, '/'),
    type: route.type.fill(levels, '.'),
    channelKey: route.key === undefined ? undefined : Buffer.from(route.key.fill(levels, '/'))
  }
}

/**
 * Compiles the routes, or tells every mistake in them. A channel must already be in the form that `parseChannel` gives.
 * Cost per event is one map look-up once its channel was seen.
 */
export function createRouter (routes: readonly RouteSettings[]): Router | readonly RouteMistake[] {
  const mistakes: RouteMistake[] = []
  const root = newNode()
  for (const [index, settings] of routes.entries()) {
    const route = compileRoute(settings, index, mistakes)
    if (route !== undefined) plant(root, route, mistakes)
  }
  if (mistakes.length > 0) return mistakes
  const remembered = new Map<string, Match>()
  const unknown = refuse('no-route', 'no route takes this channel; ask the operator which channels exist')
  return {
    rememberedCount: () => remembered.size,
    match (channel) {
      const known = remembered.get(channel)
      if (known !== undefined) return known
      const levels = channel.split('/')
      const route = find(root, levels, 0)
      if (route === undefined) return unknown
      const match = matchOf(route, channel, levels)
      if ('code' in match) return match
      if (remembered.size >= rememberedMax) remembered.clear()
      remembered.set(channel, match)
      return match
    }
  }
}
