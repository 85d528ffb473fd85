// Puts what the code knows into pages that people write: everything between `<!-- generated: NAME -->` and
// `<!-- end -->` belongs to the generator, everything around it to people.

export type Sections = Readonly<Record<string, () => string>>;

export interface FilledPage {
  readonly text: string;
  /** Sections that the page has, in order. */
  readonly names: readonly string[];
}

const SECTION = /<!-- generated: ([a-z-]+) -->\n[^]*?<!-- end -->/g;

/** Throws when a page asks for a section that nobody makes. */
export function fillSections(page: string, sections: Sections): FilledPage {
  const names: string[] = [];
  const text = page.replace(SECTION, (_all, name: string) => {
    const make = sections[name];
    if (make === undefined) throw new Error(`no section is called ${name}; there are ${Object.keys(sections).join(', ')}`);
    names.push(name);
    return `<!-- generated: ${name} -->\n\n${make().trim()}\n\n<!-- end -->`;
  });
  return { text, names };
}
