// Channel -> route: patterns compiled to a tree of levels; the most specific wins and is remembered per channel.

import { RE2JS } from 're2js'
import { parseChannel } from '../contract/channel.ts'
import { compilePointer } from '../contract/json-pointer.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import { isUriReference } from '../contract/uri.ts'
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
  /** The first route that has led to this topic; undefined where none has so far. */
  feeding (topic: string): RouteSettings | undefined
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

interface Rest {
  readonly route: Route
  /** What each level that it takes must be, where the route says so. */
  readonly takes: ((level: string) => boolean) | undefined
}

/** A parameter's pattern. */
export interface LevelTest {
  readonly source: string
  test (level: string): boolean
}

/** A level has one way on for each kind, most specific first. No two kinds share a node, so a leaf has one rank. */
interface Node {
  readonly literals: Map<string, Node>
  readonly enums: Map<string, Node>
  pattern: { readonly test: LevelTest, readonly node: Node } | undefined
  any: Node | undefined
  rest: Rest | undefined
  leaf: Route | undefined
}

/** Remembered channels; at this count all are forgotten. 255 bytes of channel each bound the memory to a few MiB. */
const rememberedMax = 10_000
/** An enum becomes one way per value; more ways than this through one route are a mistake. */
const waysMax = 10_000
const topicPattern = /^[a-zA-Z0-9._-]{1,249}$/

function newNode (): Node {
  return {
    literals: new Map(), enums: new Map(), pattern: undefined, any: undefined, rest: undefined, leaf: undefined
  }
}

/** True for a topic that a client may reach: a legal name that is not one of Kafka's own. */
export function isLegalTopic (topic: string): boolean {
  return topicPattern.test(topic) && !topic.startsWith('__') && topic !== '.' && topic !== '..'
}

type Note = (path: string, message: string) => undefined

/** What is wrong with the channel and its parameters. */
function checkChannel (settings: RouteSettings, pattern: readonly PatternLevel[], note: Note): void {
  const example = parseChannel(pattern.map(level => level.kind === 'literal' ? level.text : 'x').join('/'))
  if (isRefusal(example)) note('channel', `can never be named: ${example.detail}`)
  for (const [name, constraint] of Object.entries(settings.parameters ?? {})) {
    const path = `parameters.${name}`
    if (!pattern.some(level => level.kind !== 'literal' && level.name === name)) note(path, 'is no parameter of the channel')
    if (constraint.enum !== undefined && constraint.pattern !== undefined) note(path, 'has an enum and a pattern; keep one')
    if (constraint.pattern !== undefined && compilePattern(constraint.pattern) === undefined) {
      note(path, `has a pattern that is no regular expression (RE2 syntax): ${constraint.pattern}`)
    }
    for (const value of constraint.enum ?? []) {
      if (value.includes('/')) note(path, `has the value "${value}", but a level holds no /`)
    }
  }
}

/**
 * The whole level must match; undefined for a text that is no regular expression of RE2. RE2 takes linear time:
 * Node's own engine can be held up for seconds by one channel that a pattern such as (a+)+ meets.
 */
export function compilePattern (pattern: string): LevelTest | undefined {
  try {
    const compiled = RE2JS.compile(pattern)
    return { source: pattern, test: level => compiled.testExact(level) }
  } catch {
    return undefined
  }
}

/** Percent-encoded as a path, so that a source made from channel levels is a URI reference (RFC 3986 3.3). */
function encodeLevel (level: string): string {
  return encodeURI(level).replaceAll('?', '%3F').replaceAll('#', '%23')
}

/** The source of wrapped events where the route names none: `/` and the channel. */
function defaultSource (pattern: readonly PatternLevel[]): string {
  return '/' + pattern.map(level => level.kind === 'literal' ? encodeLevel(level.text) : `{${level.name}}`).join('/')
}

function compileRoute (settings: RouteSettings, index: number, mistakes: RouteMistake[]): Route | undefined {
  const mistakesBefore = mistakes.length
  const note: Note = (path, message) => { mistakes.push({ route: index, path, message }) }
  const pattern = parsePattern(settings.channel)
  if (typeof pattern === 'string') return note('channel', pattern)
  checkChannel(settings, pattern, note)
  const template = (path: string, text: string): Template | undefined => {
    const compiled = compileTemplate(text, pattern)
    return typeof compiled === 'string' ? note(path, compiled) : compiled
  }
  const topic = template('topic', settings.topic)
  const source = template('source', settings.source ?? defaultSource(pattern))
  const type = template('type', settings.type)
  const { template: keyText, pointer } = settings.key ?? {}
  const key = keyText === undefined ? undefined : template('key.template', keyText)
  if (pointer !== undefined && compilePointer(pointer) === undefined) {
    note('key.pointer', 'is no JSON pointer: ~ stands before 0 or 1 only')
  }
  const example = pattern.map(() => 'x')
  if (topic !== undefined && !isLegalTopic(topic.fill(example, '.'))) {
    note('topic', 'is no legal topic: letters, digits, ".", "_" and "-", at most 249, not starting with "__"')
  }
  if (source !== undefined && !isUriReference(source.fill(example, '/'))) note('source', 'is no URI reference (RFC 3986)')
  if (topic === undefined || source === undefined || type === undefined) return undefined
  if (mistakes.length > mistakesBefore) return undefined
  return { index, settings, pattern, topic, source, type, key, topics: new Set() }
}

function wayInto (ways: Map<string, Node>, text: string): Node {
  const known = ways.get(text)
  if (known !== undefined) return known
  const made = newNode()
  ways.set(text, made)
  return made
}

/** Where a level leads: one node for a literal or parameter, one per value for an enum. */
function step (nodes: readonly Node[], level: PatternLevel, route: Route, note: (message: string) => void): Node[] {
  if (level.kind === 'literal') return nodes.map(node => wayInto(node.literals, level.text))
  const constraint = route.settings.parameters?.[level.name]
  if (constraint?.enum !== undefined) {
    const values = [...new Set(constraint.enum)]
    if (nodes.length * values.length > waysMax) {
      note(`has enums of more than ${waysMax} combinations; use a pattern`)
      return []
    }
    return nodes.flatMap(node => values.map(value => wayInto(node.enums, value)))
  }
  if (constraint?.pattern === undefined) return nodes.map(node => node.any ??= newNode())
  const test = compilePattern(constraint.pattern)
  if (test === undefined) return []
  return nodes.map(node => {
    node.pattern ??= { test, node: newNode() }
    if (node.pattern.test.source !== test.source) {
      note('meets another pattern at the same level, so it is not clear which route wins; use an enum')
    }
    return node.pattern.node
  })
}

/** What the levels of a rest parameter must be. */
function restTest (route: Route, level: PatternLevel): Rest['takes'] {
  const constraint = level.kind === 'literal' ? undefined : route.settings.parameters?.[level.name]
  const values = constraint?.enum === undefined ? undefined : new Set(constraint.enum)
  if (values !== undefined) return text => values.has(text)
  const test = constraint?.pattern === undefined ? undefined : compilePattern(constraint.pattern)
  return test === undefined ? undefined : text => test.test(text)
}

function plant (root: Node, route: Route, mistakes: RouteMistake[]): void {
  const said = new Set<string>()
  const note = (message: string): void => {
    if (!said.has(message)) mistakes.push({ route: route.index, path: 'channel', message })
    said.add(message)
  }
  let nodes = [root]
  const last = route.pattern.at(-1)
  const rest = last?.kind === 'rest' ? { route, takes: restTest(route, last) } : undefined
  for (const level of route.pattern) if (level.kind !== 'rest') nodes = step(nodes, level, route, note)
  for (const node of nodes) {
    const standing = rest === undefined ? node.leaf : node.rest?.route
    if (standing !== undefined) {
      return note(`takes the same channels as route "${standing.settings.name}"; make one more specific`)
    }
    if (rest === undefined) node.leaf = route
    else node.rest = rest
  }
}

/** The most specific route for these levels: at each literal, enum, pattern, any and rest are tried in this order. */
function find (node: Node, levels: readonly string[], at: number): Route | undefined {
  if (at === levels.length) return node.leaf
  const level = levels[at] ?? ''
  const { pattern, rest } = node
  return findIn(node.literals.get(level), levels, at + 1) ??
    findIn(node.enums.get(level), levels, at + 1) ??
    (pattern?.test.test(level) === true ? find(pattern.node, levels, at + 1) : undefined) ??
    findIn(node.any, levels, at + 1) ??
    (rest === undefined || (rest.takes !== undefined && !levels.slice(at).every(rest.takes)) ? undefined : rest.route)
}

function findIn (node: Node | undefined, levels: readonly string[], at: number): Route | undefined {
  return node === undefined ? undefined : find(node, levels, at)
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
    source: route.source.fill(levels.map(encodeLevel), '/'),
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
  const compiled: Route[] = []
  const root = newNode()
  for (const [index, settings] of routes.entries()) {
    const route = compileRoute(settings, index, mistakes)
    if (route === undefined) continue
    compiled.push(route)
    plant(root, route, mistakes)
  }
  if (mistakes.length > 0) return mistakes
  const remembered = new Map<string, Match>()
  const unknown = refuse('no-route', 'no route takes this channel; ask the operator which channels exist')
  return {
    rememberedCount: () => remembered.size,
    feeding: topic => compiled.find(({ topics }) => topics.has(topic))?.settings,
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
