// Conditions of policies (`when:`) in CEL: compiled once, bounded in what they cost, and never changing an event.

import { Environment } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import type { Envelope, ExtensionValue, Peer, Principal } from '../contract/envelope.ts'
import type { JudgeContext } from '../contract/policy.ts'

export interface Condition {
  /** Never throws. */
  test (envelope: Envelope, context: JudgeContext): boolean | Unclear
}

/** The expression has no value for this event, e.g. as it names an extension that the event does not have. */
export interface Unclear { readonly unclear: string }

/** Why an expression is none, in words for an operator. */
export interface ConditionMistake { readonly mistake: string }

const textLengthMax = 2_000
const limits = { maxAstNodes: 200, maxDepth: 24, maxListElements: 100, maxMapEntries: 20, maxCallArguments: 4 }

/** What an expression may call: all of it takes a time that grows no faster than what it looks at. */
const functions = new Set(['has', 'size', 'int', 'uint', 'double', 'string', 'bool', 'timestamp', 'duration'])
const quantifiers = new Set(['exists', 'all', 'exists_one'])
const methods = new Set([
  ...quantifiers, 'startsWith', 'endsWith', 'contains', 'matches', 'size', 'lowerAscii', 'upperAscii', 'trim', 'getFullYear',
  'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes', 'getSeconds'
])
/** Stands in for `matches`, which the library hands to the platform's backtracking expressions. */
const linearMatches = 'matchesInLinearTime'

const text = (value: string | undefined): string => value ?? ''

/** What `principal` shows. Fields are read only when an expression asks for them. */
class PrincipalView {
  readonly #principal: Principal
  constructor (principal: Principal) { this.#principal = principal }
  get name (): string { return this.#principal.name }
  get groups (): readonly string[] { return this.#principal.groups }
  get attributes (): ReadonlyMap<string, string> { return new Map(Object.entries(this.#principal.attributes ?? {})) }
  get anonymous (): boolean { return this.#principal.anonymous }
}

/** What `event` shows. What it does not have is the empty text. */
class EventView {
  readonly #envelope: Envelope
  constructor (envelope: Envelope) { this.#envelope = envelope }
  get id (): string { return this.#envelope.id }
  get source (): string { return this.#envelope.source }
  get type (): string { return this.#envelope.type }
  get subject (): string { return text(this.#envelope.subject) }
  get time (): string { return text(this.#envelope.time) }
  get datacontenttype (): string { return text(this.#envelope.datacontenttype) }
  get dataschema (): string { return text(this.#envelope.dataschema) }
  get bytes (): bigint { return BigInt(this.#envelope.data?.length ?? 0) }
  get extensions (): ReadonlyMap<string, string | boolean | number | bigint> {
    return new Map([...this.#envelope.extensions].map(([name, value]) => [name, numeric(value)]))
  }
}

/** CEL tells whole numbers from others; CloudEvents has only whole ones. */
function numeric (value: ExtensionValue): ExtensionValue | bigint {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

class PeerView {
  readonly #peer: Peer
  constructor (peer: Peer) { this.#peer = peer }
  get address (): string { return this.#peer.address }
  get secure (): boolean { return this.#peer.secure }
}

const variableNames = ['principal', 'event', 'peer', 'channel', 'route', 'topic']

class Variables {
  readonly #envelope: Envelope
  readonly #context: JudgeContext
  constructor (envelope: Envelope, context: JudgeContext) {
    this.#envelope = envelope
    this.#context = context
  }

  get principal (): PrincipalView { return new PrincipalView(this.#envelope.principal) }
  get event (): EventView { return new EventView(this.#envelope) }
  get peer (): PeerView { return new PeerView(this.#envelope.peer) }
  get channel (): string { return this.#envelope.channel }
  get route (): string { return this.#context.route }
  get topic (): string { return this.#context.topic }
}

/** What each of the three has, with its CEL type. */
const fields = {
  principal: { name: 'string', groups: 'list<string>', attributes: 'map<string, string>', anonymous: 'bool' },
  event: {
    id: 'string', source: 'string', type: 'string', subject: 'string', time: 'string', datacontenttype: 'string',
    dataschema: 'string', bytes: 'int', extensions: 'map<string, dyn>'
  },
  peer: { address: 'string', secure: 'bool' }
}

/** An environment of its own for every expression, for it holds the expression's compiled patterns. */
function createEnvironment (patterns: ReadonlyMap<string, RE2JS>): Environment {
  return new Environment({ limits })
    .registerType('Principal', { ctor: PrincipalView, fields: fields.principal })
    .registerType('Event', { ctor: EventView, fields: fields.event })
    .registerType('Peer', { ctor: PeerView, fields: fields.peer })
    .registerVariable('principal', 'Principal').registerVariable('event', 'Event').registerVariable('peer', 'Peer')
    .registerVariable('channel', 'string').registerVariable('route', 'string').registerVariable('topic', 'string')
    .registerFunction(`string.${linearMatches}(string): bool`, (value: string, pattern: string) => {
      const compiled = patterns.get(pattern)
      if (compiled === undefined) throw new Error('a pattern was not compiled with its expression')
      return compiled.matcher(value).find()
    }, { async: false })
}

/** A node of the library's syntax tree, as far as it is looked at. */
interface Node { readonly op: string, args: unknown }

function isNode (value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

/** Tells what may not be used, compiles patterns, and turns `matches` into what takes linear time. */
function confine (node: unknown, patterns: Map<string, RE2JS>, within: boolean): string | undefined {
  if (Array.isArray(node)) {
    for (const one of node) {
      const mistake = confine(one, patterns, within)
      if (mistake !== undefined) return mistake
    }
    return undefined
  }
  if (!isNode(node)) return undefined
  if (node.op === 'call') return confineCall(node, patterns, within)
  if (node.op === 'rcall') return confineMethod(node, patterns, within)
  return node.op === 'value' ? undefined : confine(node.args, patterns, within)
}

function confineCall ({ args }: Node, patterns: Map<string, RE2JS>, within: boolean): string | undefined {
  const [name, given] = args as [string, unknown]
  return functions.has(name) ? confine(given, patterns, within) : `the function ${name} may not be used here`
}

function confineMethod (node: Node, patterns: Map<string, RE2JS>, within: boolean): string | undefined {
  const [name, receiver, given] = node.args as [string, unknown, unknown[]]
  if (!methods.has(name)) return `the function ${name} may not be used here`
  const quantifies = quantifiers.has(name)
  if (quantifies && within) return `${name} may not stand within another exists, all or exists_one`
  if (name === 'matches') {
    const mistake = addPattern(given[0], patterns)
    if (mistake !== undefined) return mistake
    node.args = [linearMatches, receiver, given]
  }
  return confine(receiver, patterns, within || quantifies) ?? confine(given, patterns, within || quantifies)
}

function addPattern (node: unknown, patterns: Map<string, RE2JS>): string | undefined {
  const pattern = isNode(node) && node.op === 'value' ? node.args : undefined
  if (typeof pattern !== 'string') return 'the pattern of matches must be written out as a text'
  try {
    patterns.set(pattern, RE2JS.compile(pattern))
  } catch (error) {
    return `the pattern of matches is no RE2 expression: ${reasonOf(error)}`
  }
  return undefined
}

/** The library shows the place in further lines. */
function firstLineOf (error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}

function reasonOf (error: unknown): string {
  const reason = firstLineOf(error)
  if (reason.startsWith('Unknown variable')) return `${reason}; there are ${variableNames.join(', ')}`
  if (!reason.startsWith('No such key')) return reason
  return `${reason}; ` + Object.entries(fields).map(([of, own]) => `${of} has ${Object.keys(own).join(', ')}`).join('; ')
}

/** Compiles an expression over `principal`, `event`, `channel`, `route`, `topic`, `peer` that is true or false. */
export function compileCondition (expression: string): Condition | ConditionMistake {
  if (expression.length > textLengthMax) return { mistake: `a condition may have ${textLengthMax} characters` }
  const patterns = new Map<string, RE2JS>()
  try {
    const run = createEnvironment(patterns).parse(expression)
    const mistake = confine(run.ast, patterns, false)
    if (mistake !== undefined) return { mistake }
    const { valid, type, error } = run.check()
    if (!valid) return { mistake: reasonOf(error) }
    if (type !== 'bool') return { mistake: `the condition must be true or false, not ${type ?? 'of no type'}` }
    const evaluate = run as (variables: object) => unknown
    return {
      test (envelope, context) {
        try {
          return evaluate(new Variables(envelope, context)) === true
        } catch (error) {
          return { unclear: firstLineOf(error) }
        }
      }
    }
  } catch (error) {
    return { mistake: reasonOf(error) }
  }
}
