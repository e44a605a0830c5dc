export interface TreeRow {
  id: number
  parent_id: number | null
}
export type TreeNode<T extends TreeRow> = T & { children: TreeNode<T>[] | null }

/**
 * Nests rows in their given order. A row whose parent is not among the rows becomes a root, so that a filter or a row
 * permission never hides what it matched; rows of a cycle (an old database may hold one) appear once, as roots.
 */
export function buildTree<T extends TreeRow>(rows: readonly T[]): TreeNode<T>[] {
  const nodes = new Map(rows.map((row): [number, TreeNode<T>] => [row.id, { children: null, ...row }]))
  const cyclic = rowsOnCycles(rows)
  const roots: TreeNode<T>[] = []
  for (const node of nodes.values()) {
    const parent = node.parent_id === null || cyclic.has(node.id) ? undefined : nodes.get(node.parent_id)
    if (parent === undefined) roots.push(node)
    else {
      parent.children ??= []
      parent.children.push(node)
    }
  }
  return roots
}

function rowsOnCycles(rows: readonly TreeRow[]): Set<number> {
  const parents = new Map(rows.map((row) => [row.id, row.parent_id]))
  const settled = new Set<number>()
  const cyclic = new Set<number>()
  for (const { id } of rows) {
    // A set keeps the order of insertion, and finds a member of a long path at once.
    const path = new Set<number>()
    let current: number | null | undefined = id
    while (current !== null && current !== undefined && !settled.has(current) && !path.has(current)) {
      path.add(current)
      current = parents.get(current)
    }
    let inCycle = false
    for (const member of path) {
      inCycle ||= member === current
      if (inCycle) cyclic.add(member)
      settled.add(member)
    }
  }
  return cyclic
}
