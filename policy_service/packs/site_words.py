"""The words of a pack's pages, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from policy_service.language.policy import Bilingual, Language

WORDS: Mapping[str, Bilingual] = {
    name: Bilingual(zh, en)
    for name, zh, en in (
        ("pack", "审计资料包", "Audit pack"),
        ("language", "English", "中文"),
        ("about", "范围", "About"),
        ("policy", "政策", "Policy"),
        ("subject", "对象", "Subject"),
        ("period", "期间", "Period"),
        ("everything", "期间内的全部记录", "everything of the period"),
        ("beginning", "最初", "the beginning"),
        ("until", "至", "until"),
        ("made", "制作", "Made"),
        ("for", "申请人", "for"),
        ("in force", "生效期间", "What was in force"),
        ("version", "版本", "Version"),
        ("from", "起始", "From"),
        ("ends", "结束", "Until"),
        ("by what", "依据与签署人", "By what, and who signed"),
        ("open", "未定", "no end"),
        ("known", "记录于", "recorded"),
        ("taken back", "撤销于", "taken back"),
        ("unsigned", "未在本系统签署", "not signed in this service"),
        ("initial", "初始化时导入", "imported at set-up"),
        ("change", "变更", "change"),
        ("rollback", "回退", "rollback"),
        ("suspension", "紧急停用", "suspension"),
        ("stop", "停用，无版本适用", "suspended, no version applied"),
        ("ending", "废止", "ending"),
        ("changes", "变更", "Changes"),
        ("title", "标题", "Title"),
        ("state", "状态", "State"),
        ("signers", "签署人", "Signers"),
        ("decisions", "决定", "Decisions"),
        ("day", "判定日期", "Day"),
        ("decided", "作出时间", "Decided at"),
        ("outcome", "结果", "Outcome"),
        ("replay", "复算", "Replay"),
        ("same", "一致", "the same"),
        ("different", "不一致", "different"),
        ("not_replayable", "无法复算", "not replayable"),
        ("proved", "已证明", "proved"),
        ("not proved", "尚未封存，没有证明", "not sealed yet, not proved"),
        ("verification", "核对情况", "Verification"),
        ("signed log", "已签名的日志条目", "Entries of the signed log"),
        ("entries", "包中的日志条目", "Entries in this pack"),
        ("without proof", "其中没有证明", "of these without a proof"),
        ("signatures", "签署", "Signatures"),
        ("key", "签署本包的密钥", "Key that signed this pack"),
        (
            "how",
            "本页由包中的记录制成，本身不作核对。核对请运行：",
            "This page was made from the records of the pack, and checks nothing by itself. To verify the pack, run:",
        ),
        ("left out", "未收录的内容", "Left out"),
        ("nothing", "无", "nothing"),
        ("back", "返回资料包", "Back to the pack"),
        ("decision", "决定", "Decision"),
        ("by", "请求方", "Asked by"),
        ("facts", "输入项", "Inputs"),
        ("rule", "规则", "Rule"),
        ("overridden", "由例外代替了规则的结果", "an override stands in place of the rules"),
        ("no answer", "没有结果", "no outcome"),
        ("on the way", "为另一项政策而计算，未单独请求", "evaluated for another policy, not asked for itself"),
        ("files", "记录、复算与证明", "Record, replay and proof"),
        ("evidence", "依据", "Evidence"),
        (
            "all times",
            "时间先为公司时间，括号内为协调世界时（UTC）。",
            "Times are the company's first, and UTC in brackets.",
        ),
    )
}
"""Texts by the names used in templates."""
MARKS: Mapping[Language, Mapping[str, str]] = {
    "zh": {"colon": "：", "semicolon": "；", "comma": "，"},
    "en": {"colon": ": ", "semicolon": "; ", "comma": ", "},
}
"""Separators between words."""
