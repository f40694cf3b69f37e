"""The survey page's own words, in both languages. Questions bring theirs along."""

from collections.abc import Mapping

from ..domain.surveys.templates import Kind

#: Kinds whose steps have names; the best first, as people read them in either language.
SCALE_WORDS: Mapping[Kind, tuple[tuple[str, Mapping[str, str]], ...]] = {
    Kind.CSAT5: (
        ("5", {"zh-CN": "非常满意", "en": "Very satisfied"}),
        ("4", {"zh-CN": "满意", "en": "Satisfied"}),
        ("3", {"zh-CN": "一般", "en": "Neither"}),
        ("2", {"zh-CN": "不满意", "en": "Dissatisfied"}),
        ("1", {"zh-CN": "非常不满意", "en": "Very dissatisfied"}),
    ),
}

LABELS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "REQUIRED": "请回答这个问题。",
        "NOT_AN_OPTION": "请从给出的选项中选择一项。",
        "NOT_A_NUMBER": "请填写一个数字。",
        "NOT_A_DATE": "请填写一个日期，例如 2026-09-30。",
        "TOO_LONG": "内容太长，请控制在 2000 字以内。",
    },
    "en": {
        "REQUIRED": "Please answer this question.",
        "NOT_AN_OPTION": "Please choose one of the answers given.",
        "NOT_A_NUMBER": "Please enter a number.",
        "NOT_A_DATE": "Please enter a date such as 2026-09-30.",
        "TOO_LONG": "This is too long; please use at most 2,000 characters.",
    },
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "other": "English",
        "why": "为什么问您",
        "privacy": "您的回答如何使用",
        "privacy_text": (
            "本次调查由上述门店发起。您的回答会与本次购车或服务关联保存，只有门店客户服务和管理人员可以查看，用于改进服务"
            "和评价服务质量；与其他门店比较时只使用汇总数据。是否作答完全自愿，不影响您享受的任何服务。"
            "您可以随时要求查阅、更正或删除。"
        ),
        "optional": "选填",
        "only_if": "如不适用，可跳过此题。",
        "na": "不了解 / 不适用",
        "submit": "提交",
        "yes": "是",
        "no": "否",
        "stop": "不再邀请我",
        "problems": "还差一点：请查看标红的问题，您已填写的内容都保留着。",
        "thanks": "谢谢您!",
        "thanks_text": "您的回答已经收到，每一条我们都会认真阅读。这个链接不能再次使用，您可以关闭页面了。",
        "expired": "这次调查已经结束",
        "expired_text": "感谢您的关注，这个链接已过有效期。如果您有话想说，欢迎直接联系门店。",
        "closed": "这次调查已经关闭",
        "closed_text": "我们不会再就此事打扰您。如果您有话想说，欢迎直接联系门店。",
        "wrong": "没有找到这份调查",
        "wrong_text": "链接可能不完整。请从短信或邮件中完整复制链接后再试一次。",
        "busy": "请稍后再试",
        "busy_text": "现在访问较多或系统正在维护，请过一会儿再打开这个链接，您的邀请仍然有效。",
        "stop_title": "不再接收调查邀请？",
        "stop_text": "确认后，本店不会再向您发送满意度调查。这不影响您享受的任何服务。",
        "stop_yes": "确认，不再邀请我",
        "stop_no": "返回调查",
        "stopped": "已为您取消",
        "stopped_text": "您不会再收到本店的满意度调查邀请。",
        "least": "完全不可能",
        "most": "非常可能",
    },
    "en": {
        "other": "中文",
        "why": "Why we ask",
        "privacy": "What happens to your answers",
        "privacy_text": (
            "The store named above asks. Your answers are kept together with this purchase or visit; only its customer"
            " service and management see them, to improve our work and to judge the quality of our service. Comparisons"
            " between stores use totals only. Answering is up to you and changes nothing about the service you receive."
            " You may ask to see, correct or delete your answers at any time."
        ),
        "optional": "optional",
        "only_if": "Skip this if it does not apply.",
        "na": "Don't know / not applicable",
        "submit": "Send my answers",
        "yes": "Yes",
        "no": "No",
        "stop": "Do not ask me again",
        "problems": "Nearly there: please look at the questions marked in red. Everything you filled in is kept.",
        "thanks": "Thank you!",
        "thanks_text": "Your answers have arrived, and we read every one. This link cannot be used again; you may close the page.",
        "expired": "This survey has ended",
        "expired_text": "Thank you for your interest; this link is no longer valid. You are always welcome to contact the store.",
        "closed": "This survey is closed",
        "closed_text": "We will not trouble you about this again. You are always welcome to contact the store.",
        "wrong": "We cannot find this survey",
        "wrong_text": "The link may be incomplete. Please copy the whole link from your message and try again.",
        "busy": "Please try again later",
        "busy_text": "Many people are here just now, or we are doing maintenance. Your invitation stays valid.",
        "stop_title": "No more surveys?",
        "stop_text": "If you confirm, this store will not send you satisfaction surveys again. Nothing else changes.",
        "stop_yes": "Yes, do not ask me again",
        "stop_no": "Back to the survey",
        "stopped": "Done",
        "stopped_text": "You will not receive satisfaction surveys from this store any more.",
        "least": "Not at all likely",
        "most": "Very likely",
    },
}
