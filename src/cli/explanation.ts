// An explanation as text for people and as plain JSON for programs.

import type { Refusal } from '../contract/outcome.ts'
import type { Explanation, Step } from '../explain.ts'
import type { Settings } from '../settings.ts'

/** What is shown of a value or a header, in characters. */
const shownMax = 500

/** Bytes as text where they are UTF-8, else in base64. */
function textOf (bytes: Buffer | string): { readonly text: string } | { readonly base64: string } {
  if (typeof bytes === 'string') return { text: bytes }
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }
}

function headersOf (flat: readonly (string | Buffer)[]): [string, string | Buffer][] {
  const pairs: [string, string | Buffer][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([String(flat[at]), flat[at + 1] ?? ''])
  return pairs
}

/** For `--json`: no buffers, nothing cut. */
export function plainOf ({ door, principal, route, steps, record, partition, refusal, reply }: Explanation): object {
  return {
    door,
    principal: principal === undefined ? undefined : { name: principal.name, groups: principal.groups },
    route,
    policies: steps.map(({ policy, decision, refusal }) => ({ policy, decision, ...refusalOf(refusal) })),
    record: record === undefined ? undefined : {
      topic: record.topic, partition,
      key: record.key === null ? null : textOf(record.key),
      headers: headersOf(record.headers).map(([name, value]) => ({ name, ...textOf(value) })),
      value: record.value === null ? null : textOf(record.value)
    },
    refusal: refusal === undefined ? undefined : refusalOf(refusal),
    reply
  }
}

function refusalOf (refusal: Refusal | undefined): object {
  return { code: refusal?.code, detail: refusal?.detail, pointer: refusal?.pointer }
}

/** Some lines per door. `settings` tell which policies the event did not come to. */
export function renderExplanation (explanation: Explanation, settings: Settings): string {
  const { door, principal, route, steps, refusal, reply } = explanation
  const rows: [string, string][] = []
  if (principal !== undefined) rows.push(['principal', principalText(principal)])
  if (route !== undefined) rows.push(['route', route])
  for (const step of steps) rows.push([step.policy, stepText(step)])
  for (const name of notAsked(explanation, settings)) rows.push([name, 'not asked'])
  rows.push(...recordRows(explanation))
  if (refusal !== undefined) rows.push(['refused', `${refusal.code}: ${refusal.detail}`])
  rows.push(['reply', reply])
  const width = Math.max(...rows.map(([label]) => label.length)) + 2
  const lines = rows.flatMap(([label, text]) => text.split('\n').map((line, at) =>
    `  ${(at === 0 ? label : '').padEnd(width)}${line}`.trimEnd()))
  return [door, ...lines].join('\n')
}

function principalText ({ name, groups }: NonNullable<Explanation['principal']>): string {
  return groups.length === 0 ? name : `${name} (${groups.join(', ')})`
}

function stepText ({ decision, refusal }: Step): string {
  switch (decision) {
    case 'pass': return 'passes it'
    case 'skip': return 'is not for it: its condition is false'
    case 'fault': return 'failed; what its onError says holds'
    case 'refuse': return `refuses it: ${refusal?.code ?? ''}: ${refusal?.detail ?? ''}`
    case 'would-refuse': return `would refuse it (shadow): ${refusal?.code ?? ''}: ${refusal?.detail ?? ''}`
  }
}

/** The policies of the route that were not reached. */
function notAsked ({ route, steps }: Explanation, settings: Settings): string[] {
  const own = settings.routes.find(({ name }) => name === route)
  if (own === undefined) return []
  const left = [...settings.policies, ...own.policies].flatMap(entry => Object.keys(entry).slice(0, 1))
  for (const { policy } of steps) {
    const at = left.indexOf(policy)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}

function recordRows ({ record, partition }: Explanation): [string, string][] {
  if (record === undefined) return []
  const { topic, key, headers, value } = record
  const rows: [string, string][] = [
    ['topic', topic],
    ['key', key === null ? 'none: records spread over the partitions' : shown(key)]
  ]
  if (key !== null) {
    rows.push(['partition', partition === undefined ? 'murmur2 of the key; --partitions tells which' : String(partition)])
  }
  for (const [name, header] of headersOf(headers)) rows.push(['header', `${name}: ${shown(header)}`])
  rows.push(['value', value === null ? 'none (a tombstone)' : `${value.length} bytes: ${shown(value)}`])
  return rows
}

function shown (bytes: Buffer | string): string {
  const as = textOf(bytes)
  const text = 'text' in as ? as.text : `base64 ${as.base64}`
  return text.length > shownMax ? `${text.slice(0, shownMax)}...` : text
}
