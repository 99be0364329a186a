// Assembles the one config schema from what every room declares, and tightens it: nothing unknown is taken anywhere.

import { sectionOf } from '../contract/adapter.ts'
import type { AdapterModule } from '../contract/adapter.ts'
import type { PolicyModule } from '../contract/policy.ts'
import { hideKeyword } from '../contract/setting.ts'
import { choiceKeyword, elsewhereKeyword, isRecord } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** What the rooms declare. Each object is a JSON Schema, as TypeBox makes it or written by hand. */
export interface SchemaParts {
  /** The list of listeners, or one listener. */
  readonly listeners: object
  readonly limits: object
  readonly kafka: object
  readonly journal: object
  /** A section that is only there where the file names it. */
  readonly sharedLimits?: object
  /** More top-level sections, by key: log, tracing, readiness. */
  readonly observe: Readonly<Record<string, object>>
  /** The list of routes, or one route, without what adapters add and without `policies`. */
  readonly routes: object
  readonly adapters: readonly Pick<AdapterModule, 'name' | 'section' | 'config' | 'routeConfig'>[]
  readonly policies: readonly PolicyModule[]
  /** Properties that every judge's settings have beside its own. */
  readonly conduct: Readonly<Record<string, object>>
}

const sink = {
  enum: ['kafka', 'journal'], default: 'kafka',
  description: 'Where events end up: a Kafka cluster, or the journal folder of this machine.'
}
const workers = {
  anyOf: [{ enum: ['auto'] }, { type: 'integer', minimum: 1, maximum: 256 }], default: 'auto',
  description: 'Worker threads. auto: as many as there are cores, fewer where memory is short.'
}

/** The whole schema, draft 2020-12. Throws where two parts claim one key: that is a bug of the program. */
export function assembleSchema (parts: SchemaParts): JsonSchema {
  const authenticators = parts.policies.filter((policy) => policy.kind === 'authenticator')
  const judges = parts.policies.filter((policy) => policy.kind === 'judge')
    .map(({ name, config }) => ({ name, config: withConduct(name, config, parts.conduct) }))
  const gates = parts.policies.filter((policy) => policy.kind === 'gate')
  const policies = choiceList('policy', byName([...judges, ...gates]),
    'Policies of every route, judged before the route\'s own, in this order; those of connections are asked first.')
  const routePolicies = choiceList('policy', byName(judges), 'Policies of this route, after those of every route.',
    { names: gates.map(({ name }) => name), place: 'top-level policies: connections have no route yet' })
  const properties: Record<string, unknown> = {
    listeners: { minItems: 1, ...asList(parts.listeners, 'The sockets this gateway listens on.') },
    workers,
    sink,
    limits: section(parts.limits),
    kafka: parts.kafka,
    journal: section(parts.journal),
    ...(parts.sharedLimits === undefined ? {} : { sharedLimits: parts.sharedLimits }),
    principals: principals(authenticators),
    authentication: choiceList('authenticator', byName(authenticators),
      'How peers prove who they are, tried in this order before a body is read. Empty: everyone is anonymous.'),
    policies,
    routes: routes(parts, routePolicies)
  }
  const adapters = parts.adapters.map(one => ({ name: sectionOf(one), config: one.config }))
  const sections = { ...parts.observe, ...byName(adapters) }
  for (const [key, schema] of Object.entries(sections)) claim(properties, key, section(schema))
  return tighten({
    $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Sluice configuration',
    type: 'object', required: ['listeners', 'routes'], properties
  }) as JsonSchema
}

/** A judge's settings with what may be said of every judge. */
function withConduct (name: string, config: object, conduct: SchemaParts['conduct']): object {
  const own = isRecord(config) && isRecord(config.properties) ? config.properties : {}
  const properties: Record<string, unknown> = { ...own }
  for (const [key, schema] of Object.entries(conduct)) {
    if (Object.hasOwn(own, key)) throw new Error(`the policy ${name} claims the key ${key}, which all policies have`)
    properties[key] = schema
  }
  return { ...config, properties }
}

function byName (modules: readonly { name: string, config: object }[]): Record<string, object> {
  const schemas: Record<string, object> = {}
  for (const module of modules) claim(schemas, module.name, module.config)
  return schemas
}

function claim (properties: Record<string, unknown>, key: string, schema: unknown): void {
  if (Object.hasOwn(properties, key)) throw new Error(`two rooms claim the config key ${key}`)
  properties[key] = schema
}

/** A section that is there even where the file does not name it. */
function section (schema: object): object {
  return isRecord(schema) && schema.properties !== undefined && schema.default === undefined
    ? { ...schema, default: {} }
    : schema
}

function asList (schema: object, description: string): object {
  return isRecord(schema) && schema.type === 'array' ? schema : { type: 'array', description, items: schema }
}

/** A list of mappings with exactly one key each: the name, with the settings below it. */
function choiceList (
  choice: string, schemas: Record<string, object>, description: string, elsewhere?: JsonSchema[typeof elsewhereKeyword]
): object {
  const properties: Record<string, object> = {}
  for (const [name, schema] of Object.entries(schemas)) {
    // Its own default would add a key that the file does not have.
    const { default: _default, ...rest } = schema as Record<string, unknown>
    properties[name] = rest
  }
  const items = { type: 'object', minProperties: 1, maxProperties: 1, [choiceKeyword]: choice, properties }
  if (elsewhere !== undefined) Object.assign(items, { [elsewhereKeyword]: elsewhere })
  return { type: 'array', default: [], description, items }
}

function principals (authenticators: readonly PolicyModule[]): object {
  const credentials: Record<string, object> = {}
  for (const module of authenticators) {
    if (module.kind !== 'authenticator' || module.credential === undefined) continue
    // Two authenticators may read one kind of credential; its first schema counts.
    credentials[module.credential.name] ??= module.credential.schema
  }
  const name = { type: 'string', minLength: 1, maxLength: 128, pattern: '^[^\\s:*,]+$' }
  const properties = {
    name: { ...name, description: 'Name of the principal, in policies, metrics and logs.' },
    groups: {
      type: 'array', default: [], items: name, uniqueItems: true,
      description: 'Groups it belongs to, named as `group:NAME` in policies.'
    },
    sources: {
      type: 'array', items: { type: 'string', minLength: 1, maxLength: 1024 }, maxItems: 100,
      description: 'Values of `source` that it may send, exact or a beginning that ends in `*`; if absent, any.'
    },
    attributes: {
      type: 'object', maxProperties: 32,
      additionalProperties: { type: 'string', maxLength: 1024, description: 'One of them.' },
      description: 'What else is known of it, by name: for conditions and templates of policies.'
    },
    credentials: {
      ...choiceList('credential', credentials, 'What it may prove itself with; any one of them is enough.'),
      [hideKeyword]: true
    }
  }
  return {
    type: 'array', default: [], description: 'Who may send.',
    items: { type: 'object', required: ['name'], properties }
  }
}

function routes (parts: SchemaParts, policies: object): object {
  const list = asList(parts.routes, 'Which channel goes to which topic.') as JsonSchema
  const route = { ...list.items }
  const properties: Record<string, unknown> = { ...route.properties }
  for (const adapter of parts.adapters) {
    for (const [key, schema] of Object.entries(adapter.routeConfig)) claim(properties, key, schema)
  }
  // The room of the routes may keep a stand-in for `policies`; only here is it known which there are.
  properties.policies = policies
  const required = route.required?.filter((key) => key !== 'policies')
  return { minItems: 1, ...list, items: { ...route, properties, ...(required === undefined ? {} : { required }) } }
}

/** A copy without TypeBox's hidden marks: unknown keys refused, unions of constants written as one enum. */
function tighten (schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(tighten)
  if (!isRecord(schema)) return schema
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    const plain = key === 'default' || key === 'enum' || key === 'const' || key === 'examples'
    if (value !== undefined) copy[key] = plain ? structuredClone(value) : tightenPart(key, value)
  }
  const branches = copy.anyOf
  if (Array.isArray(branches) && branches.every((branch) => isRecord(branch) && isConstant(branch))) {
    delete copy.anyOf
    copy.enum = branches.flatMap((branch: Record<string, unknown>) => branch.enum ?? [branch.const])
  }
  const closed = copy.properties !== undefined && copy.additionalProperties === undefined
  if (closed && copy.patternProperties === undefined) copy.additionalProperties = false
  return copy
}

function isConstant (branch: Record<string, unknown>): boolean {
  return branch.const !== undefined || Array.isArray(branch.enum)
}

function tightenPart (key: string, value: unknown): unknown {
  if ((key !== 'properties' && key !== 'patternProperties') || !isRecord(value)) return tighten(value)
  return Object.fromEntries(Object.entries(value).map(([name, property]) => [name, tighten(property)]))
}
