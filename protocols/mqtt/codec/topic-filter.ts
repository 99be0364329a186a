// The form of topic filters: where wildcards may stand, and what a shared subscription looks like.

import type { ProtocolVersion } from './rules.ts'
import type { RuleName } from './violation.ts'

const sharedPrefix = '$share/'

/** Only MQTT 5 knows them; in 3.1.1 they are filters like any other. */
export function isShared (topicFilter: string, version: ProtocolVersion): boolean {
  return version === 5 && topicFilter.startsWith(sharedPrefix)
}

/** Sections 4.7 and 4.8 of MQTT 5: the rule that a filter breaks, if any. */
export function topicFilterRule (topicFilter: string, version: ProtocolVersion): RuleName | undefined {
  if (topicFilter === '') return 'topic-empty'
  if (!isShared(topicFilter, version)) return wildcardRule(topicFilter)
  const nameEnd = topicFilter.indexOf('/', sharedPrefix.length)
  if (nameEnd === sharedPrefix.length || topicFilter.length === sharedPrefix.length) return 'share-name'
  const name = topicFilter.slice(sharedPrefix.length, nameEnd < 0 ? undefined : nameEnd)
  if (nameEnd < 0 || nameEnd === topicFilter.length - 1 || /[+#]/.test(name)) return 'share-name-characters'
  return wildcardRule(topicFilter.slice(nameEnd + 1))
}

function wildcardRule (topicFilter: string): RuleName | undefined {
  if (/[^/]#|#./s.test(topicFilter)) return 'filter-multi-level'
  return /[^/]\+|\+[^/]/.test(topicFilter) ? 'filter-single-level' : undefined
}
