// Everything the admin listener can do: one table, from which requests are served and the OpenAPI document is made.

import type { Eventually } from '../contract/adapter.ts'
import type { PrincipalList } from './principals.ts'
import { Problem } from './problem.ts'
import type { ProblemCode } from './problem.ts'

export interface NodeStatus {
  readonly status: 'ok' | 'degraded' | 'unavailable'
  /** Why it is not ok, in words for an operator. */
  readonly reasons: readonly string[]
  readonly version: string
  readonly configHash: string
  /** RFC 3339. */
  readonly startedAt: string
  readonly uptimeSeconds: number
  readonly workers: { readonly alive: number, readonly wanted: number, readonly restarts: number }
  readonly listeners: readonly {
    readonly protocol: string, readonly host: string, readonly port: number, readonly secure: boolean
  }[]
  readonly sink: { readonly kind: string, readonly ready: boolean, readonly reason: string }
  readonly budget: { readonly usedBytes: number, readonly limitBytes: number }
}

/** One level of the node, as a metric names it. */
export interface Level {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What the node tells of itself. */
export interface Facts {
  status (): Promise<NodeStatus>
  /** Without any secret. */
  config (): unknown
  /** Every level now, summed over workers. */
  levels (): Promise<readonly Level[]>
  /** The `limits:` section. */
  readonly limits: object
  readonly principals: PrincipalList
  /** What would become of an event now; a text tells why that cannot be said. */
  explain (sample: ExplainedSample): Promise<readonly unknown[] | string>
}

/** An event that its sender has not sent. */
export interface ExplainedSample {
  readonly channel: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly data: Buffer | null
  readonly address: string
  readonly as: string | undefined
  readonly partitionCount: number | undefined
}

export interface Call {
  /** Values of the parameters in the path, decoded. */
  readonly parameters: Readonly<Record<string, string | undefined>>
  /** The parsed body, undefined for an operation that takes none. */
  readonly body: unknown
}

export interface Operation {
  readonly method: 'GET' | 'PUT' | 'POST'
  /** With parameters in braces. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  /** JSON Schema of the body that it takes. */
  readonly request?: object
  /** Size of that body, where a word is not enough. */
  readonly bodyBytesMax?: number
  /** JSON Schema of its answer. */
  readonly answer: object
  /** What it refuses beyond what every operation may. */
  readonly problems: readonly ProblemCode[]
  run (call: Call): Eventually<unknown>
}

const text = { type: 'string' }
const texts = { type: 'array', items: text }
const wholeNumber = { type: 'integer', minimum: 0 }
const yesOrNo = { type: 'boolean' }

/** A closed object; `optional` properties may be missing. */
function closed (properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter(name => !optional.includes(name))
  return { type: 'object', additionalProperties: false, required, properties }
}

const statusAnswer = closed({
  status: { enum: ['ok', 'degraded', 'unavailable'] }, reasons: texts, version: text, configHash: text,
  startedAt: { type: 'string', format: 'date-time' }, uptimeSeconds: { type: 'number', minimum: 0 },
  workers: closed({ alive: wholeNumber, wanted: wholeNumber, restarts: wholeNumber }),
  listeners: { type: 'array', items: closed({ protocol: text, host: text, port: wholeNumber, secure: yesOrNo }) },
  sink: closed({ kind: text, ready: yesOrNo, reason: text }),
  budget: closed({ usedBytes: wholeNumber, limitBytes: wholeNumber })
})
const principalProperties = {
  name: text, configured: yesOrNo, disabled: yesOrNo, groups: texts, sources: texts, credentials: texts
}
const principalAnswer = closed(principalProperties, ['sources'])
const principalsAnswer = closed({ principals: { type: 'array', items: principalAnswer } })
const changedAnswer = closed({ ...principalProperties, note: text }, ['sources'])
const limitsAnswer = closed({
  limits: { type: 'object' },
  levels: { type: 'array', items: closed({ name: text, labels: { type: 'object', additionalProperties: text }, value: { type: 'number' } }) }
})
const disabledRequest = closed({ disabled: yesOrNo })
/** A sample of some hundred KiB in base64. */
const sampleBytesMax = 1_048_576
const explainRequest = closed({
  channel: text, headers: { type: 'array', maxItems: 200, items: closed({ name: text, value: text }) }, dataBase64: text,
  address: text, as: text, partitionCount: { type: 'integer', minimum: 1 }
}, ['headers', 'dataBase64', 'address', 'as', 'partitionCount'])
const explainAnswer = closed({ explanations: { type: 'array', items: { type: 'object' } } })

const lasting = 'this holds on all workers from now on, until this gateway restarts: then the config file alone counts'

/** The table. Paths differ from one another by more than the names of parameters. */
export function createOperations (facts: Facts): Operation[] {
  const { principals } = facts
  return [
    {
      method: 'GET', path: '/v1/status', operationId: 'status', summary: 'State of this node',
      answer: statusAnswer, problems: [], run: () => facts.status()
    },
    {
      method: 'GET', path: '/v1/config', operationId: 'config', summary: 'The config in force, secrets and hashes as ***',
      answer: { type: 'object' }, problems: [], run: () => facts.config()
    },
    {
      method: 'GET', path: '/v1/limits', operationId: 'limits', summary: 'Limits of the config, and every level now',
      answer: limitsAnswer, problems: [],
      run: async () => ({ limits: facts.limits, levels: await facts.levels() })
    },
    {
      method: 'GET', path: '/v1/principals', operationId: 'principals',
      summary: 'All principals of the config, and whoever is disabled', answer: principalsAnswer, problems: [],
      run: () => ({ principals: principals.all() })
    },
    {
      method: 'GET', path: '/v1/principals/{name}', operationId: 'principal', summary: 'One principal',
      answer: principalAnswer, problems: ['unknown-principal'],
      run: ({ parameters: { name = '' } }) => principals.find(name) ?? notListed
    },
    {
      method: 'PUT', path: '/v1/principals/{name}', operationId: 'setPrincipal',
      summary: 'Disable or enable a principal until this gateway restarts; its next event is refused on every worker',
      request: disabledRequest, answer: changedAnswer, problems: ['unknown-principal', 'list-full'],
      run ({ parameters: { name = '' }, body }) {
        const disabled = disabledOf(body)
        if (disabled === undefined) return notABody
        const changed = principals.set(name, disabled)
        return changed instanceof Problem ? changed : { ...changed, note: lasting }
      }
    },
    {
      method: 'POST', path: '/v1/explain', operationId: 'explain',
      summary: 'What would become of an event now, on every door; it counts against limits, and is written nowhere',
      request: explainRequest, bodyBytesMax: sampleBytesMax, answer: explainAnswer, problems: [],
      async run ({ body }) {
        const sample = sampleOf(body)
        if (sample === undefined) return notASample
        const explanations = await facts.explain(sample)
        return typeof explanations === 'string' ? new Problem('invalid-body', explanations) : { explanations }
      }
    }
  ]
}

const notListed = new Problem('unknown-principal', 'neither the config nor the list of disabled principals has this name')
const notABody = new Problem('invalid-body', 'send {"disabled": true} or {"disabled": false}, and no other key')

const notASample = new Problem('invalid-body',
  'send {"channel": "orders/eu"}; more: headers [{"name": ..., "value": ...}], dataBase64, address, as, partitionCount')

function sampleOf (body: unknown): ExplainedSample | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { channel, headers = [], dataBase64, address = '127.0.0.1', as, partitionCount, ...others } =
    body as Record<string, unknown>
  const isText = (value: unknown): value is string => typeof value === 'string'
  if (Object.keys(others).length > 0 || !Array.isArray(headers)) return undefined
  if (!isText(channel) || !isText(address)) return undefined
  if (dataBase64 !== undefined && !isText(dataBase64)) return undefined
  if (as !== undefined && !isText(as)) return undefined
  const count = partitionCount === undefined ? undefined : Number(partitionCount)
  if (count !== undefined && !(Number.isSafeInteger(count) && count > 0)) return undefined
  const pairs: [string, string][] = []
  for (const header of headers as unknown[]) {
    const { name, value } = (header ?? {}) as Record<string, unknown>
    if (!isText(name) || !isText(value)) return undefined
    pairs.push([name, value])
  }
  return {
    channel, headers: pairs, data: dataBase64 === undefined ? null : Buffer.from(dataBase64, 'base64'), address, as,
    partitionCount: count
  }
}

function disabledOf (body: unknown): boolean | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const { disabled, ...others } = body as Record<string, unknown>
  return typeof disabled === 'boolean' && Object.keys(others).length === 0 ? disabled : undefined
}
