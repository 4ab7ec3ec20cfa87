"""What decision records say in the languages that they are written in, as data.

Each entry is a regular expression. Entries and texts are compared folded (see `fold`): in lower
case, full-width forms made plain, accents taken off.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

IN_PART: Final = (
    r"part(?:ly|ial(?:ly)?)|in part|teil(?:weise|s)|en partie|partiel(?:le(?:ment)?)?"
    r"|parcial(?:mente)?|parzial(?:mente)?|gedeeltelijk|delvis|częściowo|částečně|частичн[оаы]?"
    r"|部分|局部|一部|부분"
)
"""What makes the end of a decision the end of a part of it."""

NOT_YET: Final = (
    r"not|never|no longer|be|until|unless|if|once|when|before|awaiting|pending|previously"
    r"|formerly|originally|nicht|nie|bis|wird|non|pas|encore|no|não|niet|inte|ikke|не"
)
"""What, before a status, says that this is not the status."""

BY: Final = (
    r"by|durch|von|par|por|pela|pelo|da|dal|dalla|dall'|door|av|af|przez|de|with|with the"
    r"|на|в пользу|bởi|in favou?r of|被|由"
)

STATUS_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "accepted": (
        r"accept(?:ed|ance)?|approved?|agreed?|adopted|decided|implemented|done|active|in force",
        r"in effect|effective|ratified|confirmed|finali[sz]ed|final|completed?|current|valid",
        r"signed[ -]off|enacted|in use|live",
        r"akzeptiert|angenommen|genehmigt|beschlossen|entschieden|gültig|umgesetzt|freigegeben",
        r"bestätigt|verabschiedet|zugestimmt|in kraft|implementiert",
        r"acceptée?s?|approuvée?s?|adoptée?s?|validée?s?|décidée?s?|retenue?s?|en vigueur",
        r"mise? en œuvre|implémentée?s?|acté[es]?",
        r"acept?ad[oa]s?|aprobad[oa]s?|adoptad[oa]s?|acordad[oa]s?|decidid[oa]s?|vigente",
        r"implementad[oa]s?|aceit[oae]s?|aprovad[oa]s?|adotad[oa]s?|em vigor|en vigor",
        r"accettat[oa]|approvat[oa]|adottat[oa]|deciso|decisa|implementat[oa]|in vigore",
        r"hyväksytty|kabul edildi|onaylandı|vastgesteld",
        r"geaccepteerd|aanvaard|goedgekeurd|aangenomen|besloten",
        r"accepterad|godkänd|antagen|beslutad|akseptert|godkjent|vedtatt|besluttet|accepteret",
        r"godkendt|vedtaget|zaakceptowan[aoey]|przyjęt[aey]|zatwierdzon[aey]|přijat[aoéý]",
        r"schválen[aoéý]?|приня(?:т[аоы]?|тое|тый)|одобрен[аоы]?|утвержд[её]н[аоы]?",
        r"согласован[аоы]?|действует|реализован[аоы]?|прийнят[ао]|затверджен[ао]|схвален[ао]",
        r"已?(?:被)?(?:接受|采纳|采用|批准|通过|决定|确认|实施|实现|生效|定稿|採納|採用|核准|通過|決定|確認|實施)",
        r"(?:承認|採用|採択|決定|受理|受諾|合意|確定|実装|受け入れ|承諾)(?:済み?|された|しました)?",
        r"有効|実施中",
        r"(?:승인|수락|채택|확정|결정|수용|합의)(?:됨|됐음|되었음|완료)?",
    ),
    "proposed": (
        r"propos(?:ed|al)|pending|draft(?:ed)?|(?:in|under|for|ready for) (?:re-?)?review",
        r"(?:in|under|for|open for) discussion|discussion|discussing|open|rfc|wip|undecided",
        r"requests? for comments?|work[ -]in[ -]progress|to be (?:decided|discussed|confirmed)",
        r"submitted|suggested|(?:under|for) consideration|in preparation|considering|review",
        r"(?:awaiting|waiting for|pending|needs) (?:\w+ ){0,2}(?:approval|acceptance|decision)",
        r"not (?:yet )?(?:decided)|not yet (?:accepted|approved|agreed|adopted)",
        r"not (?:accepted|approved|agreed|adopted|ratified) (?:as )?yet",
        r"ehdotettu|luonnos|önerildi|taslak",
        r"vorgeschlagen|vorschlag|entwurf|offen|ausstehend|(?:in|zur) (?:diskussion|prüfung)",
        r"in (?:abstimmung|klärung|vorbereitung)|noch (?:nicht entschieden|offen)|im review",
        r"proposée?s?|proposition|brouillon|ébauche|(?:en )?attente|(?:en|à) discut(?:er|ion)",
        r"en (?:revue|relecture)|à (?:valider|décider)|en attente de validation|ouverte?",
        r"propuest[oa]s?|borrador|pendiente|en (?:revisión|discusión|estudio|borrador)|abiert[oa]",
        r"propost[oa]s?|rascunho|pendente|em (?:revisão|discussão|análise|avaliação)|abert[oa]",
        r"bozza|in (?:revisione|discussione|attesa|valutazione)|apert[oa]|in sospeso",
        r"voorgesteld|voorstel|concept|in behandeling|föreslagen|foreslått|foreslået|utkast|udkast",
        r"(?:za)?proponowan[aey]|propozycja|szkic|navržen[aoéý]?|návrh",
        r"предложен(?:[аоы]|ие)?|черновик|на (?:рассмотрении|обсуждении|согласовании)|проект",
        r"в обсуждении|обсуждается|запропонован[ао]|чернетка|на розгляді",
        r"已?(?:提议|提出|建议|拟议|提議|擬議|提案|草擬)中?|草案|草稿|待定",
        r"待(?:审核?|批准|决定?|评审|確認)",
        r"(?:评审|讨论|审核|审议|討論|評審)中",
        r"提案(?:中|済み?|された)?|下書き|ドラフト|(?:検討|議論|審議|レビュー|協議)中",
        r"未(?:決定|承認|確定)|承認待ち",
        r"제안(?:됨|중| 중)?|초안|(?:검토|논의) ?중|대기 ?중?",
    ),
    "rejected": (
        r"reject(?:ed|ion)|declined|refused|denied|turned down|dismissed|discarded|wont ?fix",
        r"not (?:accepted|approved|adopted|agreed)|won'?t (?:do|fix)",
        r"abgelehnt|verworfen|zurückgewiesen|nicht (?:akzeptiert|angenommen)",
        r"rejetée?s?|refusée?s?|écartée?s?|non retenue?s?|rechazad[oa]s?|descartad[oa]s?",
        r"denegad[oa]|hylätty|reddedildi",
        r"rejeitad[oa]s?|recusad[oa]s?|rifiutat[oa]|respint[oa]|scartat[oa]|rigettat[oa]",
        r"bocciat[oa]",
        r"afgewezen|verworpen|avvisad|förkastad|avslagen|avslått|avvist|forkastet|afvist",
        r"odrzucon[aey]|zamítnut[aoéý]?|отклон[её]н[аоы]?|отвергнут[аоы]?|отказано|відхилен[ао]",
        r"(?:已|被|已被)?(?:拒绝|否决|驳回|拒絕|否決|駁回)|(?:不|未)(?:采纳|接受|通过|採納)",
        r"(?:却下|拒否|棄却|否決)(?:済み?|された)?|不採用|거부(?:됨)?|거절(?:됨)?|반려(?:됨)?",
        r"기각(?:됨)?",
    ),
    "deprecated": (
        r"depr[ei]c[ai]t?ed|depreciated|obsoleted?(?! by)|retired|outdated|expired|revoked",
        r"rescinded|repealed|vanhentunut|kullanımdan kaldırıldı",
        r"no longer (?:valid|relevant|in force|in effect|in use|applicable|applies|accepted)",
        r"veraltet|überholt|abgekündigt|nicht mehr (?:gültig|relevant|aktuell)|obsolet|außer kraft",
        r"dépréciée?s?|obsolètes?|périmée?s?|caduc|caduque|obsolet[oa]s?|depreciad[oa]",
        r"deprecad[oa]",
        r"descontinuad[oa]|desactualizad[oa]|en desuso|deprecat[oa]|verouderd|vervallen|föråldrad",
        r"utdatert|forældet|przestarzał[aey]|zastaral[aáéý]|устарел[аои]?|устаревш(?:ее|ий|ая)",
        r"неактуальн[ао]|застаріл[аеи]й?",
        r"(?:已|被|已被)?(?:废弃|弃用|过时|失效|作废|废止|廢棄|棄用|過時|作廢)",
        r"非推奨|廃止(?:済み?|された)?|失効|無効|폐기(?:됨)?|사용 ?중단",
    ),
    "superseded": (
        r"superse+[dc]e+d|superce+d+e+d|superseed+ed|replaced|obsoleted(?= by)|overridden",
        r"overruled|korvattu",
        r"ersetzt(?=\s+(?:durch|von)|\W*\Z)|abgelöst|supplantée?s?|reemplazad[oa]s?",
        r"su(?:b)?stituid[oa]s?",
        r"remplacée?s?(?=\s+(?:par|le|depuis)\b|\W*\Z)|superad[oa]s?|sustituid[oa]s?",
        r"supersedid[oa]s?|sostituit[oa]|superat[oa]|rimpiazzat[oa]",
        r"vervangen|ersatt|erstattet|zastąpion[aey]|nahrazen[aoéý]?|замен[её]н[аоы]?",
        r"замещ[её]н[аоы]?",
        r"замінен[ао]|(?:已|被|已被)(?:取代|替代|替换|替換|代替)",
        r"已?(?:被|由)[^,;。]{0,60}?(?:取代|替代|替换|代替)",
        r"(?<!を)(?<!を )(?:置き?換え|置換|差し?替え|取って代わ)(?:済み?|られた|られました|られ)?",
        r"대체됨",
    ),
}  # fmt: skip
"""A status that MADR knows by the words that mean it."""

OTHER_WORDS: Final = (
    r"on hold|held|paused|deferred|postponed|delayed|parked|suspended|withdrawn|retracted",
    r"abandoned",
    r"cancell?ed|in progress|trial|experimental|planned|archived|not applicable|tbd|unknown|n/a",
    r"zurückgestellt|verschoben|zurückgezogen|ausgesetzt|pausiert|vertagt|aufgeschoben",
    r"suspendue?|reportée?|différée?|retirée?|abandonnée?|annulée?|en espera|pospuest[oa]",
    r"aplazad[oa]",
    r"retirad[oa]|diferid[oa]|cancelad[oa]|em espera|adiad[oa]|suspens[oa]|rimandat[oa]",
    r"rinviat[oa]",
    r"ritirat[oa]|sospes[oa]|отложен[аоы]?|отозван[аоы]?|приостановлен[аоы]?",
    r"(?:已)?(?:搁置|暂缓|推迟|延期|撤回|暂停|擱置|暫緩)|保留|取り下げ|凍結|보류",
)
"""Words for where a decision stands that are known, and are none that MADR knows."""

ASIDES: Final = (
    r"(?:amended|updated|clarified|extended|refined|complemented|modified)",
    r"(?:geändert|ergänzt|erweitert|amendé|modifiée?|complétée?)",
)
"""Words for what a decision went through; where it stands is said elsewhere, if it is."""

VAGUE: Final = frozenset(
    [
        "open",
        "done",
        "current",
        "valid",
        "active",
        "effective",
        "final",
        "live",
        "review",
        "held",
        "complete",
        "completed",
        "accept",
        "acceptance",
        "approve",
        "agree",
        "discussion",
        "proposal",
        "considering",
        "concept",
        "проект",
        "offen",
        "trial",
        "planned",
        "rfc",
    ]
)
"""Words that are a status only where they stand first."""

LABELS: Final = {
    "status": r"(?:(?:adr|decision|current|record|document|aktueller|besluts)[ -]?)?status"
    r"|(?:adr|decision) state|tila|durum|statut|estado|estatus|stato|situação|статус"
    r"|状态|狀態|ステータス|状態|상태",
    "date": r"(?:decision |last )?(?:date|datum|fecha|data|дата|日期|日付|날짜)",
    "successor": r"(?:super[sc]eded|replaced|obsoleted)[ _-]?by",
    "predecessor": r"super[sc]edes|replaces|obsoletes",
}
"""What stands before a value."""

SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "context": (
        r"context(?: and problem statement)?|background|problem(?: statement)?|motivation",
        r"kontext(?: und problemstellung)?|ausgangslage|hintergrund|problemstellung",
        r"contexte(?: et (?:problématique|énoncé du problème))?|problématique",
        r"contexto(?: (?:y|e) .*)?|contesto(?: e .*)?|контекст(?: и .*)?|antecedentes",
        r"sammanhang|bakgrunn|bakgrund|achtergrond|背景.{0,6}|上下文|语境|コンテキスト|文脈|배경",
        r"컨텍스트",
    ),
    "decision": (
        r"(?:the |our )?decision(?: made)?|entscheidung|beschluss|décision|decisión|decisão",
        r"decisione",
        r"решение|рішення|决策|决定|決定(?:事項|内容)?|決策|결정|beslut(?:ning)?|besluit",
        r"beslissing",
        r"decyzja|rozhodnutí",
    ),
    "decision outcome": (
        r"(?:decision )?outcome|entscheidungsergebnis|ergebnis der entscheidung",
        r"résultat de la décision",
        r"resultado de la decisión|resultado da decisão|esito della decisione|决策结果|決定の結果",
    ),
    "consequences": (
        r"consequences?|implications|konsequenzen|folgen|auswirkungen|conséquences|consecuencias",
        r"consequências|conseguenze|последствия|наслідки|后果|後果|影响|影響|結果|帰結|결과",
        r"gevolgen",
        r"konsekvens(?:er|ar)|konsekwencje|důsledky",
    ),
    "considered options": (
        r"(?:considered |possible )?(?:options|alternatives)(?: considered)?|alternativen",
        r"(?:betrachtete|erwogene|geprüfte) (?:optionen|alternativen)|optionen",
        r"(?:options|alternatives) (?:envisagées|considérées|étudiées)|opciones(?: consideradas)?",
        r"alternativas(?: consideradas)?|opções(?: consideradas)?|opzioni(?: considerate)?",
        r"альтернативы",
        r"рассмотренные (?:варианты|альтернативы)|备选方案|考虑的(?:方案|选项)|検討した選択肢",
        r"選択肢|代替案",
    ),
    "status": (LABELS["status"],),
    "date": (LABELS["date"],),
    "title": (r"title|titel|titre|título|titolo|название|标题|タイトル",),
    "metadata": (
        r"(?:adr |decision |document )?(?:meta ?data|metadaten|meta|info(?:rmation)?|details)",
        r"(?:adr |decision |document )?(?:properties|control|summary|overview|header|about)",
    ),
}  # fmt: skip
"""A section of MADR or of Nygard's by its headings; `metadata` is where a status may stand."""


def fold(text: str) -> str:
    """`text` for comparing: in lower case, full-width forms plain, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if unicodedata.category(c) != "Mn").replace("œ", "oe")


def either(patterns: Iterable[str]) -> str:
    """One folded pattern for any of several."""
    return "|".join(_folded_pattern(p) for p in patterns)


def _folded_pattern(pattern: str) -> str:
    """`fold` that leaves the escapes of a pattern as they are (`\\w` is not `\\W`)."""
    return re.sub(r"\\.|[^\\]+", lambda m: m[0] if m[0][0] == "\\" else fold(m[0]), pattern)


_SECTION: Final = [(name, re.compile(either(words))) for name, words in SECTIONS.items()]


def section_name(title: str) -> str:
    """A heading as the section of MADR or Nygard that it opens; else in lower case."""
    bare = re.sub(r"^\W*(?:\d+(?:\.\d+)*[.)]?\s+)?|[\W_]+$", "", fold(title))
    return next((name for name, words in _SECTION if words.fullmatch(bare)), title.lower())
