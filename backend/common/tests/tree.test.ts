import { describe, expect, test } from 'vitest'
import { buildTree, type TreeNode, type TreeRow } from '#backend/common/tree'

const row = (id: number, parent_id: number | null = null): TreeRow => ({ id, parent_id })

/** `1(2 3(4))`: ids with those below them. */
const shape = (nodes: readonly TreeNode<TreeRow>[]): string =>
  nodes.map(({ id, children }) => (children === null ? `${id}` : `${id}(${shape(children)})`)).join(' ')

describe('a tree', () => {
  test('nests rows in their order, whether a parent comes before or after its children', () => {
    expect(shape(buildTree([row(1), row(3, 1), row(2, 1), row(4, 3), row(5)]))).toBe('1(3(4) 2) 5')
    expect(shape(buildTree([row(4, 3), row(3, 1), row(2, 1), row(1)]))).toBe('1(3(4) 2)')
  })

  test('of nothing is empty, and a leaf has null', () => {
    expect(buildTree([])).toEqual([])
    expect(buildTree([row(1)])).toEqual([{ id: 1, parent_id: null, children: null }])
  })

  test('leaves the rows as they were, and keeps their other fields', () => {
    const rows = [
      { id: 1, parent_id: null, name: 'above' },
      { id: 2, parent_id: 1, name: 'below' },
    ] as const
    const before = structuredClone(rows)
    expect(buildTree(rows)).toMatchObject([{ name: 'above', children: [{ name: 'below' }] }])
    expect(rows).toEqual(before)
  })

  test('shows a row whose parent is missing as a root, with all below it', () => {
    expect(shape(buildTree([row(1), row(2, 99), row(3, 2)]))).toBe('1 2(3)')
  })

  test('shows every row of a cycle once, as a root, with what hangs on it', () => {
    expect(shape(buildTree([row(1, 3), row(2, 1), row(3, 2), row(4, 2), row(5, 4)]))).toBe('1 2(4(5)) 3')
    expect(shape(buildTree([row(5, 4), row(4, 2), row(3, 2), row(2, 1), row(1, 3)]))).toBe('3 2(4(5)) 1')
    expect(shape(buildTree([row(1, 1), row(2, 1)]))).toBe('1(2)')
    expect(shape(buildTree([row(1, 2), row(2, 1), row(3, 4), row(4, 3)]))).toBe('1 2 3 4')
  })

  test('may be a chain of 5000, in any order of its rows', () => {
    const chain = Array.from({ length: 5000 }, (_, index) => row(index + 1, index === 0 ? null : index))
    for (const rows of [chain, chain.toReversed()]) {
      let [node, ...others] = buildTree(rows)
      let depth = 0
      for (; node !== undefined; node = node.children?.[0]) {
        depth += 1
        others = [...others, ...(node.children?.slice(1) ?? [])]
      }
      expect([depth, others]).toEqual([5000, []])
    }
  })

  test('may be a cycle of 20,000', () => {
    const cycle = Array.from({ length: 20_000 }, (_, index) => row(index + 1, index === 0 ? 20_000 : index))
    expect(buildTree(cycle)).toHaveLength(20_000)
  })
})
