// An explanation as text for people.

import type { Explanation, ShownBytes, Step } from '../explain.ts'

/** What is shown of a value or a header, in characters. */
const shownMax = 500

/** Some lines per door. */
export function renderExplanation (explanation: Explanation): string {
  const { door, principal, route, policies, notAsked, refusal, reply } = explanation
  const rows: [string, string][] = []
  if (principal !== undefined) rows.push(['principal', principalText(principal)])
  if (route !== undefined) rows.push(['route', route])
  for (const step of policies) rows.push([step.policy, stepText(step)])
  for (const name of notAsked) rows.push([name, 'not asked'])
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

function stepText ({ decision, refusal, reason }: Step): string {
  switch (decision) {
    case 'pass': return 'passes it'
    case 'skip': return 'is not for it: its condition is false'
    case 'unclear': return `is asked, as its condition has no value for it: ${reason ?? ''}`
    case 'fault': return 'failed; what its onError says holds'
    case 'refuse': return `refuses it: ${refusal?.code ?? ''}: ${refusal?.detail ?? ''}`
    case 'would-refuse': return `would refuse it (shadow): ${refusal?.code ?? ''}: ${refusal?.detail ?? ''}`
  }
}

function recordRows ({ record }: Explanation): [string, string][] {
  if (record === undefined) return []
  const { topic, partition, key, headers, value, valueBytes } = record
  const rows: [string, string][] = [
    ['topic', topic],
    ['key', key === null ? 'none: records spread over the partitions' : textOf(key)]
  ]
  if (key !== null) {
    rows.push(['partition', partition === undefined ? 'murmur2 of the key; --partitions tells which' : String(partition)])
  }
  for (const header of headers) rows.push(['header', `${header.name}: ${textOf(header)}`])
  rows.push(['value', value === null ? 'none (a tombstone)' : `${valueBytes} bytes: ${textOf(value)}`])
  return rows
}

function textOf (bytes: ShownBytes): string {
  const text = 'text' in bytes ? bytes.text : `base64 ${bytes.base64}`
  return text.length > shownMax ? `${text.slice(0, shownMax)}...` : text
}
