// Rules over routes: names are unique, and every topic that a route can produce is legal, bounded and not Kafka's own.

import type { ConfigDocument } from './load.ts'
import { at, listAt, numberAt, recordAt, textAt } from './lookup.ts'
import { quote } from './mistake.ts'
import type { CheckMistake } from './mistake.ts'

const legalTopic = /^[a-zA-Z0-9._-]{1,249}$/
const placeholder = /\{([^}*]*)\*?\}/g
/** Topics looked at per route; a template over more is bounded by topicsMax at run time as well. */
const expansionsMax = 10_000

export function routeNamesAreUnique (document: ConfigDocument): CheckMistake[] {
  const taken = new Map<string, number>()
  return listAt(document, 'routes').flatMap((route, index) => {
    const name = textAt(route, 'name')
    const first = name === undefined ? undefined : taken.get(name)
    if (name !== undefined && first === undefined) taken.set(name, index)
    if (name === undefined || first === undefined) return []
    const problem = `the name ${quote(name)} is taken by routes[${first}] already`
    return [{ path: ['routes', index, 'name'], problem, expected: 'a name of its own' }]
  })
}

function parametersOf (text: string): string[] {
  return [...new Set([...text.matchAll(placeholder)].map((match) => match[1] ?? ''))]
}

/** Whoever sends chooses the parameter, so what it may be must be said before it names a topic. */
export function topicParametersAreBounded (document: ConfigDocument): CheckMistake[] {
  return listAt(document, 'routes').flatMap((route, index) => {
    const channel = parametersOf(textAt(route, 'channel') ?? '')
    const used = parametersOf(textAt(route, 'topic') ?? '').filter((name) => channel.includes(name))
    return used.filter((name) => !isBounded(route, name)).map((name) => ({
      path: ['routes', index, 'topic'],
      problem: `{${name}} may be anything that a sender writes`,
      expected: `a pattern or an enum, such as "parameters: { ${name}: { enum: [a, b] } }"`
    }))
  })
}

function isBounded (route: unknown, name: string): boolean {
  const parameter = recordAt(route, 'parameters', name)
  return parameter.pattern !== undefined || parameter.enum !== undefined
}

/** Every topic of a fixed name or of an enum. Those of a pattern are judged when they are first used. */
export function topicsAreLegal (document: ConfigDocument): CheckMistake[] {
  return listAt(document, 'routes').flatMap((route, index) => {
    const template = textAt(route, 'topic')
    if (template === undefined) return []
    const names = parametersOf(template)
    const topics = topicsOf(route)
    const path = ['routes', index, 'topic']
    const bad = topics.find((topic) => !isLegal(topic))
    if (bad !== undefined) {
      const problem = `${quote(bad)} is not a topic that may be written to`
      return [{ path, problem, expected: 'at most 249 of a-z A-Z 0-9 . _ - and no "__" at the start' }]
    }
    const topicsMax = numberAt(route, 'topicsMax') ?? expansionsMax
    if (names.length === 0 || topics.length <= topicsMax) return []
    const problem = `this makes ${topics.length >= expansionsMax ? 'too many' : topics.length} topics, above topicsMax`
    return [{ path, problem, expected: `at most ${topicsMax} topics` }]
  })
}

function isLegal (topic: string): boolean {
  return legalTopic.test(topic) && !topic.startsWith('__') && topic !== '.' && topic !== '..'
}

/** What the topic of a route becomes for every value of its enums; empty where one of its parameters has none. */
export function topicsOf (route: unknown): string[] {
  const template = textAt(route, 'topic') ?? ''
  let topics = [template]
  for (const name of parametersOf(template)) {
    const values = listAt(route, 'parameters', name, 'enum').filter((value) => typeof value === 'string')
    if (values.length === 0 || at(route, 'parameters', name, 'enum') === undefined) return []
    topics = topics.flatMap((topic) => values.map((value) => topic.replaceAll(`{${name}}`, () => value)))
      .slice(0, expansionsMax)
  }
  return topics
}
