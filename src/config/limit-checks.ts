// Rules over limits that count over all nodes: without a store there is nothing that could count.

import type { Check } from './load.ts'
import { at, listAt } from './lookup.ts'
import { isRecord } from './json-schema.ts'
import type { Path } from './mistake.ts'

export const sharedLimitsHaveAStore: Check = (document) => {
  if (at(document, 'sharedLimits') !== undefined) return []
  const lists: Path[] = [['policies'], ...listAt(document, 'routes').map((_, index): Path => ['routes', index, 'policies'])]
  return lists.flatMap((list) => listAt(document, ...list).flatMap((entry, index) =>
    Object.keys(isRecord(entry) ? entry : {}).filter((name) => at(entry, name, 'across') === 'cluster').map((name) => ({
      path: [...list, index, name, 'across'], problem: '"cluster", and no store is named in which the nodes could count together',
      expected: 'a sharedLimits section with the Redis or Valkey of all nodes, or "node"'
    }))))
}
