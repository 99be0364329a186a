// Finds routes that can feed the same topic, as far as templates tell, where a setting of that topic must be one.

import type { RouteSettings } from './config.ts'
import { compilePattern } from './router.ts'
import { parsePattern } from './template.ts'

/** A stretch of a topic: one of these texts, or whatever the function takes. */
type Part = readonly string[] | ((text: string) => boolean)

/** The topics of a route. */
interface Reach {
  readonly parts: readonly Part[]
  /** How they begin and how they end. */
  readonly heads: readonly string[]
  readonly tails: readonly string[]
  /** All of them; undefined where a pattern or a rest leaves that open. */
  readonly names: ReadonlySet<string> | undefined
}

/** Two routes, by index, that differ in a setting of their topics. */
export interface Contradiction {
  readonly route: number
  /** The first one before it that it contradicts. */
  readonly other: number
  /** A topic that both can feed; a template where only the fixed texts in it were compared. */
  readonly topic: string
}

/** Topics that are compared one by one; the config lets no route have more. */
const textsMax = 10_000

const anything = (): boolean => true

function partsOf ({ channel, topic, parameters }: RouteSettings): Part[] {
  const pattern = parsePattern(channel)
  const rest = typeof pattern === 'string' ? undefined : pattern.find(({ kind }) => kind === 'rest')
  // Fixed texts and the names of parameters, in turn.
  const parts = topic.split(/\{([^}]*)\}/).map((text, at): Part => {
    if (at % 2 === 0) return [text]
    const name = text.replace(/\*$/, '')
    if (rest?.kind === 'rest' && rest.name === name) return anything
    const constraint = parameters?.[name]
    if (constraint?.enum !== undefined) return constraint.enum
    const test = constraint?.pattern === undefined ? undefined : compilePattern(constraint.pattern)
    return test === undefined ? anything : level => test.test(level)
  })
  return parts.filter(part => typeof part === 'function' || part.some(text => text !== ''))
}

/** Every text that the first parts make, up to one that is open; `join` adds a value to such a text. */
function spread (
  parts: readonly Part[], join: (text: string, value: string) => string
): { readonly texts: readonly string[], readonly whole: boolean } {
  let texts = ['']
  for (const part of parts) {
    if (typeof part === 'function' || texts.length * part.length > textsMax) return { texts, whole: false }
    texts = texts.flatMap(text => part.map(value => join(text, value)))
  }
  return { texts, whole: true }
}

function reachOf (route: RouteSettings): Reach {
  const parts = partsOf(route)
  const { texts: heads, whole } = spread(parts, (text, value) => text + value)
  const { texts: tails } = whole ? { texts: heads } : spread(parts.toReversed(), (text, value) => value + text)
  return { parts, heads, tails, names: whole ? new Set(heads) : undefined }
}

/** True where the parts, one after the other, can be this topic. */
function canBe (parts: readonly Part[], topic: string): boolean {
  let reached = new Set([0])
  for (const [at, part] of parts.entries()) {
    const next = new Set<number>()
    for (const from of reached) {
      if (typeof part !== 'function') {
        for (const text of part) if (topic.startsWith(text, from)) next.add(from + text.length)
        continue
      }
      const nearest = at === parts.length - 1 ? Math.max(topic.length, from + 1) : from + 1
      for (let to = nearest; to <= topic.length; to++) if (part(topic.slice(from, to))) next.add(to)
    }
    reached = next
  }
  return reached.has(topic.length)
}

/** A topic of both. Where both are open only their ends are compared: a clear config is better than a guess. */
function shared (one: Reach, other: Reach, template: string): string | undefined {
  const [few, many] = one.names === undefined ? [other, one] : [one, other]
  if (few.names !== undefined) {
    const { names, parts } = many
    return [...few.names].find(name => names === undefined ? canBe(parts, name) : names.has(name))
  }
  const begins = one.heads.some(head => other.heads.some(text => head.startsWith(text) || text.startsWith(head)))
  const ends = one.tails.some(tail => other.tails.some(text => tail.endsWith(text) || text.endsWith(tail)))
  return begins && ends ? template : undefined
}

/** Every route that can feed a topic of an earlier one and differs from it in its setting; there is one for each. */
export function contradictions (routes: readonly RouteSettings[], settings: readonly string[]): Contradiction[] {
  if (settings.every(setting => setting === settings[0])) return []
  const reaches = routes.map(reachOf)
  return reaches.flatMap((reach, route) => {
    for (let other = 0; other < route; other++) {
      const earlier = reaches[other]
      if (earlier === undefined || settings[other] === settings[route]) continue
      const topic = shared(reach, earlier, routes[route]?.topic ?? '')
      if (topic !== undefined) return [{ route, other, topic }]
    }
    return []
  })
}
