{#- Every figure of a cell is hidden by the persons that it counts itself. -#}
{%- set figures = ['customers', 'invited', 'respondents'] -%}
{%- set window_start = add_days(as_of_date(), -365) -%}
with

customers as (

    select * from {{ ref('int_customers') }}
    where not is_lead

),

surveys as (

    select * from {{ ref('stg_survey__surveys') }}
    where kind <> 'employee'

),

invitations as (

    select
        surveys.kind as survey_kind,
        invitations.person_key,
        max(case when invitations.is_answered then 1 else 0 end) as is_answered

    from {{ ref('int_invitations') }} as invitations
    inner join surveys on invitations.survey_key = surveys.survey_key
    where invitations.person_key is not null
        and invitations.sent_date > {{ window_start }}
    group by surveys.kind, invitations.person_key

),

responses as (

    select distinct
        survey_kind,
        person_key

    from {{ ref('int_responses') }}
    where is_complete
        and person_key is not null
        and survey_kind <> 'employee'
        and responded_date > {{ window_start }}

),

kinds as (

    select survey_kind from invitations

    union

    select survey_kind from responses

),

asked as (

    select
        kinds.survey_kind,
        {%- for cut in person_cuts() %}
        customers.{{ cut }},
        {%- endfor %}
        case when invitations.person_key is null then 0 else 1 end as is_invited,
        coalesce(invitations.is_answered, 0) as is_answered,
        case when responses.person_key is null then 0 else 1 end as is_respondent

    from kinds
    cross join customers
    left join invitations
        on kinds.survey_kind = invitations.survey_kind
        and customers.person_key = invitations.person_key
    left join responses
        on kinds.survey_kind = responses.survey_kind
        and customers.person_key = responses.person_key

),

counted as (

    select
        survey_kind,
        {{ cut_columns() }},
        count(*) as customers,
        {{ sum_of_whole('is_invited') }} as invited,
        {{ sum_of_whole('is_answered') }} as answered,
        {{ sum_of_whole('is_respondent') }} as respondents

    from asked
    group by {{ cut_sets(['survey_kind']) }}

),

figured as (

    {% for figure in figures -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ figure }}' as figure,
        survey_kind,
        segment_dimension,
        segment_value,
        {{ figure }} as persons,
        answered,
        sum({{ figure }}) over (
            partition by survey_kind, segment_dimension
        ) as persons_in_all
    from counted
    where segment_value is not null
    {% endfor %}

),

-- where there is nobody at all, nobody is hidden
judged as (

    select
        *,
        segment_dimension <> 'overall' as is_cut,
        segment_dimension <> 'overall' and persons_in_all > 0
        and persons < {{ var('min_cell_size') }} as is_small

    from figured

),

suppressed as (
    {{ hide_small_cells('judged', ['figure', 'survey_kind', 'segment_dimension']) }}
),

shown as (

    select
        survey_kind,
        segment_dimension,
        segment_value,
        {%- for figure in figures %}
        max(case
            when figure = '{{ figure }}' and not is_suppressed then persons
        end) as {{ figure }},
        max(case when figure = '{{ figure }}' then persons_in_all end)
            as {{ figure }}_in_all,
        {%- endfor %}
        max(answered) as answered,
        max(case when is_suppressed then 1 else 0 end) = 1 as is_suppressed

    from suppressed
    group by survey_kind, segment_dimension, segment_value

),

shared as (

    select
        *,
        {{ percent_of('customers', 'customers_in_all') }} as customer_share,
        {{ percent_of('respondents', 'respondents_in_all') }} as respondent_share

    from shown

),

described as (

    select
        survey_kind,
        segment_dimension,
        segment_value,
        cast(customers as bigint) as customer_count,
        cast(invited as bigint) as invited_count,
        cast(respondents as bigint) as respondent_count,
        customer_share,
        respondent_share,
        respondent_share - customer_share as share_difference,
        case
            when respondents is not null then {{ percent_of('answered', 'invited') }}
        end as response_rate,
        is_suppressed,
        {{ as_of_date() }} as as_of_date

    from shared

)

select * from described
