"""The questionnaires a new group starts with: T1 purchase, T2 service visit, T4 incident, T8 delivery form.

T1 and T2 hold the eight items of the sources (requirement 57), whether charges were explained and fair (requirement 237),
the care call (requirement 16) and whether anyone influenced the answers (benchmark section 8). All sentences are ours.
"""

from .templates import Attribution, Condition, Headline, Kind, Question, Questionnaire, Words

_STAFF, _STORE, _PRODUCT = Attribution.STAFF, Attribution.STORE, Attribution.PRODUCT


def _item(
    key: str,
    zh: str,
    en: str,
    dimension: str,
    attributable_to: Attribution = _STORE,
    show_if: Condition | None = None,
) -> Question:
    """A scored item. All share one scale, so they can be read down the page; nobody has to judge what they did not see."""
    return Question(
        key,
        Kind.CSAT5,
        Words(zh, en),
        attributable_to,
        dimension,
        na_allowed=True,
        show_if=show_if,
        comparable_key=key,
    )


def _sales_items(show_if: Condition | None = None) -> tuple[Question, ...]:
    return (
        _item(
            "pre_sales",
            "购车前的咨询、接待和试驾，是否符合您的期待？",
            "Did advice, reception and test drive before the purchase meet your expectations?",
            "PRE_SALES",
            show_if=show_if,
        ),
        _item(
            "process",
            "购车过程是否顺畅，每一步（价格、合同、手续）是否向您讲清楚？",
            "Was buying the car smooth, and was every step (price, contract, paperwork) explained to you?",
            "PROCESS",
            show_if=show_if,
        ),
        _item(
            "consultant",
            "销售顾问是否热情、专业，并理解您的需要？",
            "Was your sales consultant warm and professional, and did they understand what you needed?",
            "STAFF",
            _STAFF,
            show_if,
        ),
    )


def _service_items(show_if: Condition | None = None) -> tuple[Question, ...]:
    return (
        _item(
            "after_sales",
            "您对我们的售后服务质量总体如何评价？",
            "How do you rate the quality of our after-sales service?",
            "AFTER_SALES",
            show_if=show_if,
        ),
        _item(
            "repair_time",
            "保养或维修所用的时间是否合理？",
            "Was the time that maintenance or repair took reasonable?",
            "REPAIR_TIME",
            show_if=show_if,
        ),
        _item(
            "repair_staff",
            "服务人员是否说明了所做的工作，并给出有用的建议？",
            "Did our staff explain the work and give you useful advice?",
            "STAFF",
            _STAFF,
            show_if,
        ),
        _item(
            "repair_result",
            "您对保养或维修的结果是否满意？",
            "Are you satisfied with the result of the maintenance or repair?",
            "REPAIR_RESULT",
            show_if=show_if,
        ),
    )


_OVERALL_HINT = Words("请按您的真实感受选择，没有对错之分。", "Choose what you really think; there is no wrong answer.")
_CHARGES = _item(
    "charges",
    "费用是否事先说明清楚，您认为是否公道？",
    "Were the charges explained beforehand, and do you find them fair?",
    "PRICE",
)
_RECOMMEND = Question(
    "recommend",
    Kind.NPS11,
    Words("您有多大可能向朋友或同事推荐我们店？", "How likely are you to recommend us to a friend or colleague?"),
    dimension="LOYALTY",
    comparable_key="recommend",
    headline=Headline.RECOMMEND,
    hint=Words("0 = 完全不可能，10 = 非常可能", "0 = not at all likely, 10 = very likely"),
)
_COMMENT = Question(
    "comment",
    Kind.TEXT,
    Words("还有什么想告诉我们的？批评和建议同样欢迎。", "Anything else? Criticism is as welcome as praise."),
    required=False,
    comparable_key="comment",
    headline=Headline.COMMENT,
)
_INFLUENCED = Question(
    "influenced",
    Kind.YESNO,
    Words(
        "是否有人要求或暗示您应该怎样回答这份问卷？",
        "Did anyone ask you, or hint, how you should answer these questions?",
    ),
    dimension="INTEGRITY",
    comparable_key="influenced",
    headline=Headline.INFLUENCED,
    hint=Words(
        "您的回答不会影响您享受的任何服务。", "Whatever you answer, it changes nothing about the service you receive."
    ),
)


def _overall(zh: str, en: str) -> Question:
    return Question(
        "overall",
        Kind.CSAT5,
        Words(zh, en),
        dimension="OVERALL",
        comparable_key="overall",
        headline=Headline.OVERALL,
        hint=_OVERALL_HINT,
    )


PURCHASE = Questionnaire(
    code="T1",
    title=Words("购车体验调查", "Your new car: how did we do?"),
    purpose=Words(
        "了解您购车和交车的真实体验，用于改进本店的销售与交付服务，并作为员工服务质量评价的独立依据。",
        "To learn how buying and collecting your car really was, to improve our sales and delivery, and as an independent"
        " basis for judging the quality of our service.",
    ),
    audience="BUYER",
    owner_role="CS_MANAGER",
    questions=(
        _overall(
            "总体而言，您对这次购车和交车的体验满意吗？",
            "Overall, how satisfied are you with buying and collecting your car?",
        ),
        *_sales_items(),
        _CHARGES,
        Question(
            "care_call_72h",
            Kind.YESNO,
            Words(
                "交车后72小时内，我们有没有打电话问候您？",
                "Did we call you within 72 hours of the delivery to ask how you are getting on?",
            ),
            dimension="CARE",
            comparable_key="care_call_72h",
            headline=Headline.CARE_CALL_72H,
        ),
        Question(
            "serviced",
            Kind.YESNO,
            Words(
                "提车后，这辆车在本店做过保养或维修吗？", "Has this car had maintenance or repair with us since then?"
            ),
        ),
        *_service_items(Condition("serviced", ("yes",))),
        _RECOMMEND,
        _COMMENT,
        _INFLUENCED,
    ),
)

SERVICE = Questionnaire(
    code="T2",
    title=Words("售后服务体验调查", "Your visit to our workshop"),
    purpose=Words(
        "了解您这次到店保养或维修的真实体验，用于改进本店的售后服务，并作为员工服务质量评价的独立依据。",
        "To learn how your visit for maintenance or repair really was, to improve our after-sales service, and as an"
        " independent basis for judging the quality of our service.",
    ),
    audience="SERVICE",
    owner_role="CS_MANAGER",
    questions=(
        _overall("总体而言，您对这次售后服务满意吗？", "Overall, how satisfied are you with this visit?"),
        *_service_items(),
        _CHARGES,
        Question(
            "bought_here",
            Kind.YESNO,
            Words("这辆车是在本店购买的吗？", "Did you buy this car from us?"),
        ),
        *_sales_items(Condition("bought_here", ("yes",))),
        _RECOMMEND,
        _COMMENT,
        _INFLUENCED,
    ),
)

INCIDENT = Questionnaire(
    code="T4",
    title=Words("问题处理回访", "How we dealt with your concern"),
    purpose=Words(
        "了解您反映的问题是否真正得到解决，以便改进我们处理问题的方式。",
        "To learn whether the concern you raised was really solved, and to get better at solving such concerns.",
    ),
    audience="COMPLAINANT",
    owner_role="CS_MANAGER",
    questions=(
        _overall(
            "总体而言，您对我们处理这件事的方式满意吗？",
            "Overall, how satisfied are you with the way we dealt with it?",
        ),
        Question(
            "solved",
            Kind.YESNO,
            Words("您反映的问题解决了吗？", "Was your concern solved?"),
            dimension="SOLUTION",
            comparable_key="solved",
        ),
        _item(
            "response_speed",
            "我们的响应是否及时？",
            "Did we respond quickly enough?",
            "RESPONSE_SPEED",
        ),
        _item(
            "attitude",
            "接待您的同事是否认真倾听、态度诚恳？",
            "Did the people who dealt with it listen, and were they sincere?",
            "STAFF",
            _STAFF,
        ),
        _COMMENT,
        _INFLUENCED,
    ),
)

DELIVERY_FORM = Questionnaire(
    code="T8",
    title=Words("交车确认表", "Delivery form"),
    purpose=Words(
        "交车时与销售顾问一起确认各项工作是否完成。此表不计入任何满意度得分。",
        "Filled in together with the consultant at delivery, to confirm that everything was done. It never counts as a score.",
    ),
    audience="BUYER",
    owner_role="SALES_MANAGER",
    scored=False,
    questions=(
        Question(
            "exterior",
            Kind.YESNO,
            Words("外观已共同检查，无异议？", "Exterior checked together, no objection?"),
            _PRODUCT,
        ),
        Question(
            "interior",
            Kind.YESNO,
            Words("内饰已共同检查，无异议？", "Interior checked together, no objection?"),
            _PRODUCT,
        ),
        Question(
            "papers", Kind.YESNO, Words("随车文件、工具和钥匙已交齐？", "Papers, tools and keys handed over in full?")
        ),
        Question(
            "training",
            Kind.YESNO,
            Words("主要功能和用车安全已讲解并试用？", "Main functions and safe use explained and tried out?"),
            _STAFF,
        ),
        Question(
            "service_explained",
            Kind.YESNO,
            Words("首保时间、质保范围和联系方式已说明？", "First service, warranty and contacts explained?"),
            _STAFF,
        ),
        _overall("您对今天的交车是否满意？", "Are you satisfied with today's delivery?"),
        _COMMENT,
    ),
)

SEEDS = (PURCHASE, SERVICE, INCIDENT, DELIVERY_FORM)
